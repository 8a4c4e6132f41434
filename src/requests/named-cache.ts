/** Finds the cache that a request names. */
import type { LogWarning } from '../log/logger.ts';
import type { ByteSpan, NamedCache, NamedCaches } from '../sessions/session-cache.ts';

/** @returns the cache whose name is exactly the request's cache_type. If there is none, warns and returns undefined. */
export function namedCache(
  { all }: NamedCaches,
  type: ByteSpan,
  request: string,
  warn: LogWarning,
): NamedCache | undefined {
  for (let index = 0; index < all.length; index += 1) {
    if (isText(type, all[index]!.label)) {
      return all[index];
    }
  }
  warn('bogus cache type', () => {
    const name = type.buffer.toString('utf8', type.start, type.end);
    return `bogus cache type "${name}" in "${request}" request`;
  });
  return undefined;
}

/** Compares byte by byte. Most requests need this, and making a string costs more than the comparison. */
function isText({ buffer, start, end }: ByteSpan, text: string): boolean {
  if (end - start !== text.length) {
    return false;
  }
  for (let index = 0; index < text.length; index += 1) {
    if (buffer[start + index] !== text.charCodeAt(index)) {
      return false;
    }
  }
  return true;
}
