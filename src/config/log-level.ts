/**
 * smtpd_tls_loglevel and the other log levels: a list of names and numbers, each
 * of which turns something on. Only the logging of cache operations concerns
 * tlsmgr. With an unknown word in it the whole list is ignored. Follows
 * src/tls/tls_misc.c.
 */
import { type Warn, trim } from './main-cf.ts';
import { words } from './values.ts';

/** The known words, and whether they turn cache logging on. */
const logsCache: ReadonlyMap<string, boolean> = new Map([
  ...['2', '3', '4', '5', '6', '7', '8', '9'].map((word) => [word, true] as const),
  ...['debug', 'ssl-expert', 'ssl-developer', 'cache'].map((word) => [word, true] as const),
  ...['0', 'none', '1', 'routine'].map((word) => [word, false] as const),
  ...['summary', 'untrusted', 'peercert', 'certmatch', 'verbose', 'dane', 'trace'].map(
    (word) => [word, false] as const,
  ),
  ...['ssl-debug', 'ssl-handshake-packet-dump', 'ssl-session-packet-dump'].map(
    (word) => [word, false] as const,
  ),
]);

/** Whether the list asks for a log line per cache operation. */
export function logsCacheOperations(name: string, list: string, warn: Warn): boolean {
  const parts = words(list).map((word) => ({ word, on: logsCache.get(word.toLowerCase()) }));
  const unknown = parts.find(({ on }) => on === undefined);
  if (unknown !== undefined) {
    warn(`unknown ${name} value "${unknown.word}" in "${trim(list)}"`);
    return false;
  }
  return parts.some(({ on }) => on === true);
}
