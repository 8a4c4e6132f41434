/**
 * Waits for what the opening of a store waits for: the lock on a file that
 * another process is about to give up.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two tries to get a lock. */
export const lockPauseMs = 20;

/** Waits as a process may that serves nobody yet: the thread stands still. */
export function runBeforeServing<Result>(steps: Generator<void, Result, void>): Result {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) {
      return value;
    }
    Atomics.wait(pause, 0, 0, lockPauseMs);
  }
}

/** Waits as a process must that serves: only a timer is set, and all requests are answered meanwhile. */
export async function runWhileServing<Result>(
  steps: Generator<void, Result, void>,
): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) {
      return value;
    }
    await sleep(lockPauseMs);
  }
}
