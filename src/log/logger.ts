/**
 * The interface that every part logs through. A part gets its logger as an
 * argument and never imports one. A fatal error or a panic is thrown
 * (errors.ts), and is logged where it ends the process.
 */

/** Postfix's severities; info has no prefix in the text, the others do. */
export type Severity = 'info' | 'warning' | 'error' | 'fatal' | 'panic';

export interface Logger {
  /** How often `-v` was given. */
  readonly verbose: number;
  /** With `soon` it is one of many lines: it may wait for some milliseconds, to leave with others. */
  info(text: string, when?: 'soon'): void;
  warning(text: string): void;
  error(text: string): void;
}

/**
 * Logs a warning that a client can cause: at most one per second of each kind,
 * with a count of those that were left out. `text` is called only when the
 * warning is logged.
 */
export type LogWarning = (kind: string, text: () => string) => void;
