/**
 * Spreads answers over time: so many at once, then so many a second, each later
 * one in its turn. Who asks faster waits, and keeps the event loop no busier
 * than who doesn't. The generic cell rate algorithm, ITU-T I.371.
 */
import type { Clock } from '../system/clock.ts';

export class Pace {
  readonly #clock: Clock;
  readonly #spacingMs: number;
  readonly #toleranceMs: number;
  /** When the next one would be due, were all of them evenly spread. */
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, perSecond: number, atOnce: number) {
    this.#clock = clock;
    this.#spacingMs = 1000 / perSecond;
    this.#toleranceMs = (atOnce - 1) * this.#spacingMs;
  }

  /** Takes a turn. @returns milliseconds until it comes; 0: now. */
  take(): number {
    const nowMs = this.#clock.monotonicMs();
    const dueMs = Math.max(nowMs, this.#dueMs);
    this.#dueMs = dueMs + this.#spacingMs;
    return Math.max(0, dueMs - this.#toleranceMs - nowMs);
  }
}
