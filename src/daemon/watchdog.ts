/**
 * The kernel's watchdog: alarm(2), armed again by the event loop. A loop that
 * stands still for daemon_timeout is ended by SIGALRM, whatever it hangs in, and
 * master(8) starts another process. Source of the purpose: src/util/watchdog.c.
 * Before there is a loop to watch, the start itself has a limit.
 */
import { alarm } from '../system/calls.ts';

/** Often enough that a busy loop can be late, seldom enough to cost nothing. */
const turnsInATimeout = 3;
const longestTurnSeconds = 600;

/** A start takes a second: one that takes so long hangs, and keeps everybody waiting. */
const longestStartSeconds = 60;

export interface Watchdog {
  stop(): void;
}

/** From here to startWatchdog() or startIsOver() the kernel waits no longer than that. */
export function limitStart(): void {
  alarm(longestStartSeconds);
}

export function startIsOver(): void {
  alarm(0);
}

export function startWatchdog(timeoutSeconds: number): Watchdog {
  const turnSeconds = Math.min(timeoutSeconds / turnsInATimeout, longestTurnSeconds);
  alarm(timeoutSeconds);
  const timer = setInterval(() => alarm(timeoutSeconds), turnSeconds * 1000);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      alarm(0);
    },
  };
}
