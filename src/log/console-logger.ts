/**
 * Loggers for programs that a person runs: everything goes to standard error,
 * with the time when serving in the foreground and without it for the verbs.
 */
import { systemClock } from '../system/clock.ts';
import { Outlet } from './outlet.ts';
import { ProcessLogger } from './process-logger.ts';
import { DescriptorChannel, plainHead, timedHead } from './stderr.ts';

export interface ConsoleLoggerOptions {
  /** What stands before each message: `tlsmgr`. */
  tag: string;
  /** Whether each line starts with the local time. */
  withTime: boolean;
  /** Standard error if not given. */
  descriptor?: number | undefined;
}

export function consoleLogger(options: ConsoleLoggerOptions): ProcessLogger {
  const { tag, withTime, descriptor } = options;
  const outlet = new Outlet({
    channel: new DescriptorChannel(descriptor),
    head: withTime ? timedHead(tag) : plainHead(tag),
    clock: systemClock,
    name: 'standard error',
  });
  return new ProcessLogger([outlet], true);
}
