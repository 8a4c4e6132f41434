/**
 * Cache time: the time that the lifetimes of entries are measured by, in seconds.
 * It starts with the value of the wall clock, and then follows the monotonic
 * clock only. So when the wall clock is set while the daemon runs, no entry lives
 * longer or shorter. For people, a cache time is converted to wall clock time by
 * the age of the entry.
 *
 * A cache time is stored in 32 bits. When the wall clock is beyond 2038, cache
 * time starts at 2^31 instead, which leaves decades to the process.
 *
 * A new process continues the cache time that is in the file. It adds the time
 * that has passed meanwhile by the wall clock, but never less than 0.
 */
import type { Clock } from '../../system/clock.ts';

/** The same moment in cache time and wall clock time, as it is kept in a file. Whole seconds. */
export interface TimeMark {
  cacheSeconds: number;
  wallSeconds: number;
}

/**
 * The most that is added between two processes, longer than any session lives. On
 * a machine whose clock sometimes starts at 1970, cache time would otherwise soon
 * reach its end.
 */
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

  /** Whole seconds. Never goes back. */
  now(): number {
    return this.#startSeconds + Math.floor((this.#clock.monotonicMs() - this.#startMs) / 1000);
  }

  /** Converts a cache time to the wall clock's seconds. */
  toWall(seconds: number): number {
    return this.#clock.nowSeconds() - (this.now() - seconds);
  }

  mark(): TimeMark {
    return { cacheSeconds: this.now(), wallSeconds: Math.max(0, this.#clock.nowSeconds()) };
  }

  /** Continues from the mark of an earlier process. Only before anything is stored. */
  continueFrom(mark: TimeMark): void {
    const wallSeconds = this.#clock.nowSeconds() - mark.wallSeconds;
    const awaySeconds = Math.min(Math.max(0, wallSeconds), longestAwaySeconds);
    this.#startSeconds += mark.cacheSeconds + awaySeconds - this.now();
  }
}
