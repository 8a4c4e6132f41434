/**
 * What a cache has counted since the process started. The counters only grow: they
 * stay when the cache is switched off and on again.
 */
export interface CacheCounters {
  hits: number;
  misses: number;
  stored: number;
  replaced: number;
  deleted: number;
  expired: number;
  /** Valid sessions removed to make room. The cache is too small if there are many. */
  evicted: number;
}

export function newCounters(): CacheCounters {
  return { hits: 0, misses: 0, stored: 0, replaced: 0, deleted: 0, expired: 0, evicted: 0 };
}
