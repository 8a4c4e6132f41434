/** Pauses between rounds of attempts to connect. */

const firstPauseMs = 100;
const longestPauseMs = 5000;
/** So that the power doesn't overflow. */
const mostDoublings = 10;

/**
 * Twice as long each time, half of it random, so that the hosts of a fleet don't
 * come all at once.
 * @param rounds that have failed before this one.
 * @param isRefusal the engine is there, and refuses us: no use in trying often.
 * @param random at least 0, less than 1.
 */
export function pauseSeconds(rounds: number, isRefusal: boolean, random: number): number {
  const doubledMs = firstPauseMs * 2 ** Math.min(rounds, mostDoublings);
  const fullMs = isRefusal ? longestPauseMs : Math.min(longestPauseMs, doubledMs);
  return (fullMs * (1 + random)) / 2 / 1000;
}
