/**
 * Runs work at unpredictable times. The next time is `period * r / 255` seconds
 * from now, where r is a fresh random byte: uniform between 0 and the period.
 * Source: src/tlsmgr/tlsmgr.c.
 */
import { after, type Timer } from '../system/timers.ts';
import type { RandomPool } from './random.ts';

/** 2^31 / 255: longer periods are cut to it, as in the original. */
export const longestPeriodSeconds = 8_421_504;

const largestByte = 255;

/** Seconds until the next time. */
export function nextDelaySeconds(periodSeconds: number, randomByte: number): number {
  return Math.floor((Math.min(periodSeconds, longestPeriodSeconds) * randomByte) / largestByte);
}

/** Seconds until the next, unpredictable time; at least one. */
export function randomDelaySeconds(periodSeconds: number, pool: RandomPool): number {
  const byte = Buffer.alloc(1);
  pool.fill(byte, 0, 1);
  return Math.max(1, nextDelaySeconds(periodSeconds, byte[0]!));
}

/** Runs the task again and again until cancelled; never twice within a second. */
export function atRandomTimes(periodSeconds: number, pool: RandomPool, task: () => void): Timer {
  let timer: Timer;
  const arm = (): void => {
    timer = after(randomDelaySeconds(periodSeconds, pool), () => {
      task();
      arm();
    });
  };
  arm();
  return { cancel: () => timer.cancel() };
}
