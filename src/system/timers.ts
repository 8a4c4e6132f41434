/**
 * Timers of any length. Node's setTimeout overflows above 2^31 - 1 ms (24.8 days)
 * and then fires at once. Postfix's longest period is longer, 97 days.
 */
const LONGEST_MS = 2 ** 31 - 1;

export interface Timer {
  cancel(): void;
}

/** Runs `task` once, `seconds` from now. Never keeps the process alive. */
export function after(seconds: number, task: () => void): Timer {
  let handle: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, LONGEST_MS);
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
