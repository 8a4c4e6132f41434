/**
 * How long an input may take. What the slowest seed takes is the baseline, on
 * this machine and at this time; an input that takes more than the target's
 * budget beyond it is slow. Time of the processor counts, not of the clock, and
 * the shortest of three runs: another program, or a collection of garbage, makes
 * one run longer and not all.
 */
import type { Target } from './target.ts';

const usualBudgetMs = 100;
const runs = 3;

export class TimeBudget {
  readonly #target: Target;
  #limitMs = Number.POSITIVE_INFINITY;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Runs the seeds: the first runs of all are slow, as nothing is compiled yet. */
  async calibrate(): Promise<void> {
    let baselineMs = 0;
    for (const seed of this.#target.seeds) {
      baselineMs = Math.max(baselineMs, await this.#shortestMs(seed, Number.POSITIVE_INFINITY));
    }
    this.#limitMs = baselineMs + (this.#target.budgetMs ?? usualBudgetMs);
  }

  /**
   * @param tookMs by the clock; less than the limit can't have been more by the processor.
   * @returns milliseconds of the processor when the input is slow.
   */
  async excess(input: Buffer, tookMs: number): Promise<number | undefined> {
    if (tookMs <= this.#limitMs) {
      return undefined;
    }
    const shortestMs = await this.#shortestMs(input, this.#limitMs);
    return shortestMs > this.#limitMs ? shortestMs : undefined;
  }

  /** Of three runs; of fewer, when one of them is within the limit. */
  async #shortestMs(input: Buffer, limitMs: number): Promise<number> {
    let shortestMs = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run += 1) {
      const before = process.cpuUsage();
      try {
        await this.#target.run(Buffer.from(input));
      } catch {
        // What is broken the engine tells: here only the time is of interest.
      }
      const { user, system } = process.cpuUsage(before);
      shortestMs = Math.min(shortestMs, (user + system) / 1000);
      if (Number.isFinite(limitMs) && shortestMs <= limitMs) {
        break;
      }
    }
    return shortestMs;
  }
}
