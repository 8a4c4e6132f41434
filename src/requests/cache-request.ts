/** What the requests that name a cache share: finding it, and refusing one that isn't there. */
import type { LogWarning } from '../log/logger.ts';
import type { ByteSpan, CacheLabel, SessionCache } from '../sessions/session-cache.ts';
import { cacheLabels } from '../sessions/session-cache.ts';

/** One of the three caches as the requests know it. */
export interface CacheEntry {
  readonly label: CacheLabel;
  /** Seconds; of a disabled cache as well, since policy tells it. */
  readonly lifetimeSeconds: number;
  /** Undefined while the cache is off. */
  readonly cache: SessionCache | undefined;
}

export type CacheTable = Readonly<Record<CacheLabel, CacheEntry>>;

const labelBytes = cacheLabels.map((label) => Buffer.from(label, 'latin1'));

/** The cache that a request's cache_type names, exactly; undefined, with a warning, for none. */
export function namedCache(
  caches: CacheTable,
  type: ByteSpan,
  request: string,
  warn: LogWarning,
): CacheEntry | undefined {
  for (let index = 0; index < labelBytes.length; index += 1) {
    if (spanEquals(type, labelBytes[index]!)) {
      return caches[cacheLabels[index]!];
    }
  }
  warn('bogus cache type', () => {
    const name = type.buffer.toString('utf8', type.start, type.end);
    return `bogus cache type "${name}" in "${request}" request`;
  });
  return undefined;
}

function spanEquals(span: ByteSpan, bytes: Buffer): boolean {
  if (span.end - span.start !== bytes.length) {
    return false;
  }
  for (let index = 0; index < bytes.length; index += 1) {
    if (span.buffer[span.start + index] !== bytes[index]) {
      return false;
    }
  }
  return true;
}
