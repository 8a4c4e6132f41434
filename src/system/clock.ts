/** The clock that all parts use. It is passed to them, so that a test can set the time. */
export interface Clock {
  /** Seconds since 1970, whole. */
  nowSeconds(): number;
  /** Milliseconds that never go back. Only differences have a meaning. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  monotonicMs: () => now(),
};

let now = uptimeMs;

/** Of the process. It takes twice as long as `performance`. */
function uptimeMs(): number {
  return process.uptime() * 1000;
}

/**
 * From now on the time is asked for often. Node loads a module when the global `performance` is
 * first touched, which takes 0.5 to 1 ms: the start does without it. Kept in a variable, as the
 * global one is a getter.
 */
export function expectManyReads(): void {
  const { performance } = globalThis;
  // Asked for first: the time doesn't go back.
  const ms = performance.now();
  const behindMs = uptimeMs() - ms;
  now = () => performance.now() + behindMs;
}
