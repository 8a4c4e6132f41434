/**
 * Timers of any length. Node's setTimeout overflows above 2^31 - 1 ms (24.8 days)
 * and then fires at once. Postfix's longest period is longer, 97 days.
 */

/** What setTimeout() can wait for. */
export const longestTimerMs = 2 ** 31 - 1;

export interface Timer {
  cancel(): void;
}

/** Runs `task` once, `seconds` from now. Never keeps the process alive. */
export function after(seconds: number, task: () => void): Timer {
  let handle: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, longestTimerMs);
    handle = setTimeout(() => {
      if (leftMs > stepMs) {
        arm(leftMs - stepMs);
      } else {
        task();
      }
    }, stepMs);
    handle.unref();
  };
  arm(Math.max(0, seconds * 1000));
  return { cancel: () => clearTimeout(handle) };
}

/**
 * Rejects when the promise takes longer. Its result is ignored then.
 * @param options unref: the wait doesn't keep the process alive.
 */
export function within<Value>(
  promise: Promise<Value>,
  milliseconds: number,
  { unref = false } = {},
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${milliseconds} ms`));
    }, milliseconds);
    if (unref) {
      timer.unref();
    }
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
