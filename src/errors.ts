/**
 * Errors with a stable code. An outcome (not found, cache off) is never an
 * error: it is a status in a reply. See docs/errors.md for every code.
 */

export type ErrorCode =
  /** A start that can't succeed: logged as `fatal:`, one second later exit 1. */
  | 'FATAL'
  /** No server, none that is a tlsmgr, or a connection that was lost. */
  | 'UNAVAILABLE'
  /** A call of the client had no answer in its time. */
  | 'DEADLINE'
  /** As many calls of the client wait as may. */
  | 'BUSY'
  /** The client is closed, or no ticket keys are given out any more. */
  | 'CLOSED'
  /** Postfix's own tlsmgr serves, which doesn't know the request. */
  | 'UNSUPPORTED'
  /** The server answered with a status that is not 0. */
  | 'REFUSED'
  /** A file that holds our state (cache, exchange file, install's record, secrets of a fleet) can't be used. */
  | 'STORAGE'
  /** What a verb is to show isn't a session of OpenSSL, or the file that it is in can't be read. */
  | 'INPUT'
  /** The entropy source failed. */
  | 'SOURCE'
  /** The generator gave output that must not leave the process. */
  | 'GENERATOR';

/** An error with a code that stays; the message is for people. */
export class TlsmgrError extends Error {
  override readonly name = 'TlsmgrError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * A fault that ends a start. The message is the text of Postfix's `fatal:` log
 * line, without that prefix.
 */
export class FatalError extends TlsmgrError {
  constructor(message: string, options?: ErrorOptions) {
    super('FATAL', message, options);
  }
}

/** The message of anything that can be thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
