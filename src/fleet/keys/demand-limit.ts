/** Limits how often the engine is read for names that aren't known: anybody can send such a name. */
import type { Clock } from '../../system/clock.ts';

const readsPerSecond = 5;

export class DemandLimit {
  readonly #clock: Clock;
  readonly #limit: number;
  /** When the last reads began, on the monotonic clock. */
  #beganMs: number[] = [];

  constructor(clock: Clock, limit = readsPerSecond) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** @returns whether one more read may begin now. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#beganMs = this.#beganMs.filter((beganMs) => nowMs - beganMs < 1000);
    if (this.#beganMs.length >= this.#limit) {
      return false;
    }
    this.#beganMs.push(nowMs);
    return true;
  }
}
