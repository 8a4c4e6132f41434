/** A scope: the name of those who may resume with each other. */
import { createHash } from 'node:crypto';
import { longestScopeBytes } from '../tickets/scoped-key.ts';

/** Throws RangeError for a scope that no tlsmgr takes. */
export function requireScope(scope: string): void {
  const bytes = Buffer.byteLength(scope);
  if (bytes < 1 || bytes > longestScopeBytes || scope.includes('\0')) {
    throw new RangeError(`a scope has 1 to ${longestScopeBytes} bytes, and no NUL`);
  }
}

/**
 * OpenSSL has room for 32 bytes. It resumes a session within one such context only.
 * @param authorities whose clients are let in, where certificates of clients are
 * asked for: who trusts others makes a full handshake, and verifies.
 */
export function sessionIdContextOf(scope: string, authorities?: string): string {
  const text = `tlsmgr session id context 1 ${scope}`;
  const whole = authorities === undefined ? text : `${text}\0${authorities}`;
  return createHash('sha256').update(whole).digest('hex').slice(0, 32);
}
