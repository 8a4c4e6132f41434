/**
 * A watchdog by alarm(2), which the event loop arms again and again. When the
 * loop hangs for daemon_timeout, SIGALRM ends the process, and master(8) starts
 * another one. The start has a limit of its own, as there is no event loop to
 * watch yet. The original has the same: src/util/watchdog.c.
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

/** Limits the time from here to startWatchdog() or startIsOver(). */
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
