/** A method of somebody else's object, with something done around it. */

/**
 * Puts another method in the place of one.
 * @param around makes it, from the one that was there, bound to the object.
 * @returns what undoes it. Where somebody else has wrapped it once more it stays
 * in their chain, and only calls the one that was there.
 */
export function wrapMethod<Name extends string, Words extends unknown[], Result>(
  holder: Record<Name, (...words: Words) => Result>,
  name: Name,
  around: (original: (...words: Words) => Result) => (...words: Words) => Result,
): () => void {
  const own = Reflect.getOwnPropertyDescriptor(holder, name);
  const method = holder[name];
  const original = (...words: Words): Result => Reflect.apply(method, holder, words);
  const changed = around(original);
  let isActive = true;
  const wrapped = (...words: Words): Result => (isActive ? changed : original)(...words);
  holder[name] = wrapped;
  return () => {
    isActive = false;
    if (holder[name] !== wrapped) {
      return;
    }
    if (own === undefined) {
      Reflect.deleteProperty(holder, name);
    } else {
      Object.defineProperty(holder, name, own);
    }
  };
}
