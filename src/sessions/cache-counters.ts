/**
 * What a cache has counted since the process started: it goes on when the cache
 * is switched off and on again, so that these only grow.
 */
export interface CacheCounters {
  hits: number;
  misses: number;
  stored: number;
  replaced: number;
  deleted: number;
  expired: number;
  /** Removed for room while still valid: the sign of a cache that is too small. */
  evicted: number;
}

export function newCounters(): CacheCounters {
  return { hits: 0, misses: 0, stored: 0, replaced: 0, deleted: 0, expired: 0, evicted: 0 };
}
