/** The clock that all parts use. It is passed to them, so that a test can set the time. */
export interface Clock {
  /** Seconds since 1970, whole. */
  nowSeconds(): number;
  /** Milliseconds that never go back. Only differences have a meaning. */
  monotonicMs(): number;
}

/** Kept in a variable, as the global one is a getter. */
let performance: typeof globalThis.performance | undefined;

/** How much later than the process it began to count. */
let behindMs = 0;

export const systemClock: Clock = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  // Not through a variable with one of two functions: the engine would build in neither.
  monotonicMs: () => (performance === undefined ? uptimeMs() : performance.now() + behindMs),
};

/** Of the process. It takes twice as long as `performance`. */
function uptimeMs(): number {
  return process.uptime() * 1000;
}

/**
 * From now on the time is asked for often. Node loads a module when the global `performance` is
 * first touched, which takes 0.5 to 1 ms: the start does without it.
 */
export function expectManyReads(): void {
  const fast = globalThis.performance;
  // Asked for first: the time doesn't go back.
  const ms = fast.now();
  behindMs = uptimeMs() - ms;
  performance = fast;
}
