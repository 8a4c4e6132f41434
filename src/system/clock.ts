// The global `performance` is a getter, and an import would load the whole module. Both cost time.
const { performance } = globalThis;

/** The clock that all parts use. It is passed to them, so that a test can set the time. */
export interface Clock {
  /** Seconds since 1970, whole. */
  nowSeconds(): number;
  /** Milliseconds that never go back. Only differences have a meaning. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  monotonicMs: () => performance.now(),
};
