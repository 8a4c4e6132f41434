/**
 * The time that entries live by: seconds that start at the wall clock's and
 * then only follow the monotonic clock. A wall clock that is set back or ahead
 * while the daemon runs changes no entry's life; times that people see are the
 * wall clock's, through an entry's age.
 *
 * It is kept in 32 bits. A wall clock beyond 2038 is no reason to stop: this time
 * starts at a moment that leaves decades to the process, whatever the year is.
 *
 * From one process to the next this time goes on: by what the wall clock says
 * has gone by since it was last written down, and never back.
 */
import type { Clock } from '../../system/clock.ts';

/** A moment in both times, as a file keeps it. Whole seconds. */
export interface TimeMark {
  cacheSeconds: number;
  wallSeconds: number;
}

/** Longer than any session lives: a clock that starts at 1970 now and then doesn't use this time up. */
const longestAwaySeconds = 200 * 86_400;

const latestStartSeconds = 2 ** 31;

export class CacheTime {
  readonly #clock: Clock;
  readonly #startMs: number;
  #startSeconds: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#startSeconds = Math.min(Math.max(0, clock.nowSeconds()), latestStartSeconds);
  }

  /** Whole seconds; never goes back. */
  now(): number {
    return this.#startSeconds + Math.floor((this.#clock.monotonicMs() - this.#startMs) / 1000);
  }

  /** The wall clock's seconds for a moment of this time. */
  toWall(seconds: number): number {
    return this.#clock.nowSeconds() - (this.now() - seconds);
  }

  mark(): TimeMark {
    return { cacheSeconds: this.now(), wallSeconds: Math.max(0, this.#clock.nowSeconds()) };
  }

  /** Goes on from a mark that another process has left. Before anything is stored only. */
  continueFrom(mark: TimeMark): void {
    const wallSeconds = this.#clock.nowSeconds() - mark.wallSeconds;
    const awaySeconds = Math.min(Math.max(0, wallSeconds), longestAwaySeconds);
    this.#startSeconds += mark.cacheSeconds + awaySeconds - this.now();
  }
}
