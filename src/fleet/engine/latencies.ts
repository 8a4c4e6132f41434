/** How long the last 1,000 session reads took that had an answer in time. */

const kept = 1000;

export class Latencies {
  readonly #milliseconds = new Float32Array(kept);
  #count = 0;

  add(milliseconds: number): void {
    this.#milliseconds[this.#count % kept] = milliseconds;
    this.#count += 1;
  }

  /** @returns null before the first. */
  percentiles(): { p50: number; p99: number } | null {
    if (this.#count === 0) {
      return null;
    }
    const sorted = this.#milliseconds.slice(0, Math.min(this.#count, kept)).toSorted();
    const at = (part: number): number =>
      Math.round(sorted[Math.ceil(part * sorted.length) - 1]! * 100) / 100;
    return { p50: at(0.5), p99: at(0.99) };
  }
}
