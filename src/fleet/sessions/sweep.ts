/**
 * Removes from time to time what has expired and nobody asks for any more, so that
 * its bytes don't stay in memory. There is a timer only while something is held.
 */
import type { Timer } from '../../system/timers.ts';

/** `after` of system/timers.ts, or that of a test. */
export type Schedule = (seconds: number, task: () => void) => Timer;

const sweepSeconds = 30;

export class Sweep {
  readonly #schedule: Schedule;
  readonly #sweep: () => boolean;
  #isWaiting = false;

  /** @param sweep @returns whether something is left. */
  constructor(schedule: Schedule, sweep: () => boolean) {
    this.#schedule = schedule;
    this.#sweep = sweep;
  }

  /** Something is held from now on. */
  begin(): void {
    if (this.#isWaiting) {
      return;
    }
    this.#isWaiting = true;
    this.#schedule(sweepSeconds, () => {
      this.#isWaiting = false;
      if (this.#sweep()) {
        this.begin();
      }
    });
  }
}
