// The global one is a getter, the module would be loaded as a whole: both cost time.
const { performance } = globalThis;

/** Time as the parts see it: handed in, so that a test can set it. */
export interface Clock {
  /** Seconds since 1970, whole. */
  nowSeconds(): number;
  /** Milliseconds that never go back; the origin is of no meaning. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowSeconds: () => Math.floor(Date.now() / 1000),
  monotonicMs: () => performance.now(),
};
