/**
 * Runs the steps that open a store. Between two steps it waits for the lock on a
 * file, which another process is about to release.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** The pause between two tries to get a lock. */
export const lockPauseMs = 20;

/** For a process that serves nobody yet. It waits by blocking the thread. */
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

/** For a process that serves. It waits with a timer, so requests are answered meanwhile. */
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
