/** Periods of ticket keys that fit a test: one ends soon, and the next one is long. */

/** What shared keys take. */
const shortestPeriodSeconds = 600;
const longestPeriodSeconds = 43_200;

/**
 * A session lifetime (two periods) with which a period ends in about so many seconds,
 * at the soonest. Periods begin at multiples of their length since 1970.
 */
export function lifetimeWithTurnIn(seconds: number, nowSeconds = Date.now() / 1000): number {
  for (let turn = Math.ceil(nowSeconds + seconds); ; turn += 1) {
    for (let period = shortestPeriodSeconds; period <= longestPeriodSeconds; period += 1) {
      if (turn % period === 0) {
        return 2 * period;
      }
    }
  }
}
