/**
 * Spreads answers over time: so many at once, then so many a second, each later
 * one in its turn. Who asks faster waits, and keeps the event loop no busier
 * than who doesn't. A turn is taken when it has come, not before: who gives up
 * waiting costs those behind nothing. The generic cell rate algorithm, ITU-T I.371.
 */
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';

interface Waiting {
  begin(): void;
}

export class Pace {
  readonly #clock: Clock;
  readonly #schedule: typeof after;
  readonly #spacingMs: number;
  readonly #toleranceMs: number;
  /** When the next one would be due, were all of them evenly spread. */
  #dueMs = Number.NEGATIVE_INFINITY;
  /** In the order of their turns. */
  readonly #waiting = new Set<Waiting>();
  #timer: Timer | undefined;

  constructor(clock: Clock, perSecond: number, atOnce: number, schedule = after) {
    this.#clock = clock;
    this.#schedule = schedule;
    this.#spacingMs = 1000 / perSecond;
    this.#toleranceMs = (atOnce - 1) * this.#spacingMs;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Calls `begin` when its turn has come, perhaps at once. @returns what gives the turn up. */
  ask(begin: () => void): () => void {
    const waiting = { begin };
    this.#waiting.add(waiting);
    this.#proceed();
    return () => void this.#waiting.delete(waiting);
  }

  #proceed(): void {
    for (const waiting of this.#waiting) {
      const nowMs = this.#clock.monotonicMs();
      const dueMs = Math.max(nowMs, this.#dueMs);
      const waitMs = dueMs - this.#toleranceMs - nowMs;
      if (waitMs > 0) {
        if (this.#timer === undefined) {
          this.#timer = this.#schedule(waitMs / 1000, () => {
            this.#timer = undefined;
            this.#proceed();
          });
        }
        return;
      }
      this.#dueMs = dueMs + this.#spacingMs;
      this.#waiting.delete(waiting);
      waiting.begin();
    }
  }
}
