/**
 * Limits how often answers are given: a number at once, and then a number per
 * second. Further requests wait in the order in which they came. So clients
 * that ask faster don't keep the event loop busier. A request uses up a place
 * in the rate only when it is answered. When a client stops waiting, those
 * behind it lose nothing. This is the generic cell rate algorithm, ITU-T I.371.
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
  /** When the next answer is due if all are spread evenly. */
  #dueMs = Number.NEGATIVE_INFINITY;
  /** In the order in which they asked. */
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

  /** Calls `begin` when it may be answered, perhaps at once. @returns a function that stops waiting. */
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
