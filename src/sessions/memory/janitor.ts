/**
 * When a cache does the work that no request asks for: expiry, shrinking,
 * packing. It owns the only timer for all of it.
 *
 *     idle     nothing to do, no timer
 *     waiting  the timer is set for the next expiry
 *     working  the timer is set for the next step, some milliseconds from now
 *     closed   for good
 */
import { after, type Timer } from '../../system/timers.ts';

/** Seldom enough that one request in a hundred doesn't meet a step. */
const stepEverySeconds = 0.004;

/**
 * Does a little of the work. @returns `more` when there is more of it, else in
 * how many seconds there will be, undefined for never.
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

  /** Whether a step is coming anyhow. */
  get isWorking(): boolean {
    return this.#state === 'working';
  }

  /** There is something to do now. */
  wake(): void {
    if (this.#state === 'idle' || this.#state === 'waiting') {
      this.#set('working', stepEverySeconds);
    }
  }

  /** There will be something to do in so many seconds; undefined: there won't. */
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
    // What the work removes must not wake us: it says itself whether there is more.
    this.#state = 'working';
    const next = this.#work();
    if (this.#state !== 'working') {
      return;
    }
    if (next === 'more') {
      this.#set('working', stepEverySeconds);
    } else {
      this.waitFor(next);
    }
  }
}
