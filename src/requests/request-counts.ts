/** Counts the answers to each request, by status. All counters are in one typed array. */

/** The statuses 0, -1 and -2, in this order. */
export const countedStatuses = ['ok', 'error', 'fail'] as const;

export type CountsByStatus = Record<(typeof countedStatuses)[number], number>;

export class RequestCounts {
  readonly #names: readonly string[];
  readonly #counts: Float64Array;
  #total = 0;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#counts = new Float64Array(names.length * countedStatuses.length);
  }

  get total(): number {
    return this.#total;
  }

  /** @param index of the request's name; @param code 0, -1 or -2. */
  add(index: number, code: number): void {
    this.#counts[index * countedStatuses.length - code]! += 1;
    this.#total += 1;
  }

  byName(): Record<string, CountsByStatus> {
    const result: Record<string, CountsByStatus> = {};
    for (const [index, name] of this.#names.entries()) {
      const at = index * countedStatuses.length;
      result[name] = {
        ok: this.#counts[at]!,
        error: this.#counts[at + 1]!,
        fail: this.#counts[at + 2]!,
      };
    }
    return result;
  }
}
