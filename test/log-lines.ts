/** A log that a test reads: each line with its severity, as it would stand in a file. */
import type { Logger } from '../src/log/logger.ts';

export class LogLines implements Logger {
  readonly verbose = 0;
  readonly lines: string[] = [];

  info(text: string): void {
    this.lines.push(text);
  }

  warning(text: string): void {
    this.lines.push(`warning: ${text}`);
  }

  error(text: string): void {
    this.lines.push(`error: ${text}`);
  }

  /** All lines since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }
}
