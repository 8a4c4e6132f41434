/** Values that are known at once, or later if another machine must be asked. */

export type MaybeLater<T> = T | Promise<T>;

export function isLater<T>(value: MaybeLater<T>): value is Promise<T> {
  return value instanceof Promise;
}

/** Calls `then` with the value: at once if it is known, otherwise when it comes. */
export function whenKnown<T, Result>(
  value: MaybeLater<T>,
  then: (value: T) => Result,
): MaybeLater<Result> {
  return isLater(value) ? value.then(then) : then(value);
}
