/**
 * Decides when a cache does the work that no request asks for: expiry, shrinking
 * to lower limits, and packing. It owns the only timer for all three. The work
 * itself is done in small steps with pauses between them, so that requests are
 * served meanwhile.
 *
 *     idle     there is nothing to do, and no timer
 *     waiting  the timer is set for the next expiry
 *     working  the timer is set for the next step, a few milliseconds from now
 *     closed   for good, no timer
 */
import { after, type Timer } from '../../system/timers.ts';

/** Long enough that fewer than one request in a hundred meets a step. */
const stepEverySeconds = 0.004;

/**
 * Does one step of the work. @returns `more` when another step has something to
 * do; else in how many seconds there will be something; undefined for never.
 */
export type Work = () => 'more' | number | undefined;

export class Janitor {
  readonly #work: Work;
  #state: 'idle' | 'waiting' | 'working' | 'closed' = 'idle';
  #timer: Timer | undefined;

  constructor(work: Work) {
    this.#work = work;
  }

  get isIdle(): boolean {
    return this.#state === 'idle';
  }

  /** Whether the next step comes in any case. */
  get isWorking(): boolean {
    return this.#state === 'working';
  }

  /** There is something to do now. */
  wake(): void {
    if (this.#state === 'idle' || this.#state === 'waiting') {
      this.#set('working', stepEverySeconds);
    }
  }

  /** There will be something to do in so many seconds, or never when undefined. */
  waitFor(seconds: number | undefined): void {
    if (this.#state === 'closed') {
      return;
    }
    if (seconds === undefined) {
      this.#timer?.cancel();
      this.#state = 'idle';
    } else {
      this.#set('waiting', Math.max(1, seconds));
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#state = 'closed';
  }

  #set(state: 'waiting' | 'working', seconds: number): void {
    this.#timer?.cancel();
    this.#state = state;
    this.#timer = after(seconds, () => this.#step());
  }

  #step(): void {
    // While this is the state, nothing that the work does can wake the janitor.
    // The work itself says whether there is more to do.
    this.#state = 'working';
    const next = this.#work();
    if (this.#state !== 'working') {
      // The work has closed the janitor.
      return;
    }
    if (next === 'more') {
      this.#set('working', stepEverySeconds);
    } else {
      this.waitFor(next);
    }
  }
}
