/** Numbers that a seed repeats: mulberry32. No secret depends on them. */
export class SimulatedRandom {
  #state = 0x811c_9dc5;

  constructor(seed: string) {
    for (const character of seed) {
      this.#state = Math.imul(this.#state ^ character.charCodeAt(0), 0x0100_0193);
    }
  }

  /** In [0, 1). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** Some of the numbers from 0 to below - 1, in no order. */
  sample(below: number, count: number): number[] {
    const all = Array.from({ length: below }, (_, number) => number);
    for (let at = 0; at < count; at += 1) {
      const other = at + this.below(below - at);
      [all[at], all[other]] = [all[other]!, all[at]!];
    }
    return all.slice(0, count);
  }

  fill(target: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += 1) {
      target[at] = this.below(256);
    }
  }
}
