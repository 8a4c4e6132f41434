/** Waiting for what another process does: asks again and again, with a generous end. */
import { setTimeout as delay } from 'node:timers/promises';

const intervalMs = 10;
const defaultLimitMs = 30_000;

type Answer<T> = T | undefined | false;

/**
 * Asks until the answer is neither undefined nor false.
 * @throws Error naming `what` when that takes longer than the limit; with `detail()`, if given.
 */
export async function poll<T>(
  what: string,
  ask: () => Answer<T> | Promise<Answer<T>>,
  options: { limitMs?: number; detail?: () => string } = {},
): Promise<T> {
  const limitMs = options.limitMs ?? defaultLimitMs;
  const end = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) {
      return answer;
    }
    if (performance.now() > end) {
      const detail = options.detail === undefined ? '' : `\n${options.detail()}`;
      throw new Error(`waited ${limitMs} ms in vain for ${what}${detail}`);
    }
    await delay(intervalMs);
  }
}
