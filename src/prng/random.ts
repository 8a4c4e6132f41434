/** What the rest of the daemon sees of the pool. */
export interface RandomPool {
  /**
   * Fills target[start, end) with fresh output. Never waits for a source.
   * Throws TlsmgrError `GENERATOR` when the output fails its self-test; the
   * range is then all zero.
   */
  fill(target: Buffer, start: number, end: number): void;
  /** Mixes in the time of day: called once a request, costs next to nothing. */
  stirTime(): void;
  /** Mixes in a digest of a sample of the bytes, never the bytes themselves. */
  stirData(data: Buffer, start: number, end: number): void;
}
