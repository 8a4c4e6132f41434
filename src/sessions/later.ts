/** Values that are there at once or, from a store across a network, later. */

export type MaybeLater<T> = T | Promise<T>;

export function isLater<T>(value: MaybeLater<T>): value is Promise<T> {
  return value instanceof Promise;
}

/** Goes on with a value: at once if it is there, and later if it comes later. */
export function whenKnown<T, Result>(
  value: MaybeLater<T>,
  then: (value: T) => Result,
): MaybeLater<Result> {
  return isLater(value) ? value.then(then) : then(value);
}
