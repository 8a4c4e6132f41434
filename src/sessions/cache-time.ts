/**
 * The time that entries live by: seconds that start at the wall clock's and
 * then only follow the monotonic clock. A wall clock that is set back or ahead
 * while the daemon runs changes no entry's life; times that people see are the
 * wall clock's, through an entry's age.
 */
import type { Clock } from '../system/clock.ts';

export interface CacheTime {
  /** Whole seconds; never goes back. */
  now(): number;
  /** The wall clock's seconds for a moment of this time. */
  toWall(seconds: number): number;
}

export function cacheTimeOf(clock: Clock): CacheTime {
  const startSeconds = clock.nowSeconds();
  const startMs = clock.monotonicMs();
  const now = (): number => startSeconds + Math.floor((clock.monotonicMs() - startMs) / 1000);
  return { now, toWall: (seconds) => clock.nowSeconds() - (now() - seconds) };
}
