/**
 * What every part logs through. A part is handed a logger and never imports
 * one. A fatal or a panic is thrown (errors.ts) and logged where it ends the
 * process.
 */

/** Postfix's severities; info has no prefix in the text, the others do. */
export type Severity = 'info' | 'warning' | 'error' | 'fatal' | 'panic';

export interface Logger {
  /** How often `-v` was given. */
  readonly verbose: number;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

/**
 * A warning that a client can cause: at most one a second of each kind, with a
 * count of those left out. The text is made only when it is going to be logged.
 */
export type LogWarning = (kind: string, text: () => string) => void;
