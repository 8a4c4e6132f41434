/**
 * The interface of a session cache for the requests. It is the same for all stores.
 *
 * A cache answers at once. A store across a network may answer later, with a
 * promise. Both keep this contract (test/contracts/session-cache.ts):
 *
 * - The arguments belong to the caller, and are valid only until the call
 *   returns. A cache that answers later first copies what it needs of them.
 * - A span that is returned at once is lent: it is valid until the next call on
 *   this cache. A span that is promised belongs to the caller, who overwrites it.
 * - A call that can't be done throws or rejects. The client gets status -1, as
 *   for a session that isn't there, and one warning goes to the log.
 * - A promise may take long. A request waits for it only for a limited time
 *   (requests/dispatcher.ts). Then the client gets status -1, which means a miss
 *   for a look-up, and an answer that comes later is dropped.
 * - After closeNow() a cache answers like an empty one, and stores nothing. A call
 *   that is still under way then resolves or rejects, like any other.
 */

import type { CacheName } from '../config/cache-names.ts';
import type { CacheCounters } from './cache-counters.ts';
import type { MaybeLater } from '../system/later.ts';

/**
 * The longest id. Postfix's ids have up to about 3 kB: service, destination, host,
 * address, digest and the server's name for itself.
 */
export const longestIdBytes = 65_536;

/** A part of a buffer. The contract above says who owns it, and for how long. */
export interface ByteSpan {
  buffer: Buffer;
  start: number;
  end: number;
}

/** The limits that may change while a cache serves. */
export interface CacheLimits {
  lifetimeSeconds: number;
  /** For ids and sessions together; 0: no limit. */
  sizeLimitBytes: number;
  /** 0: no limit. */
  entryLimit: number;
}

export interface SessionCache {
  /** The session stored under an id, or undefined. */
  lookup(id: ByteSpan): MaybeLater<ByteSpan | undefined>;
  /**
   * When a session that was found was stored: wall clock, seconds since 1970.
   * @param found what the last look-up on this cache returned, or what any look-up promised.
   */
  storedAtSeconds(found: ByteSpan): number;
  /** Stores a copy of the session. It replaces an entry with the same id and renews its time. */
  update(id: ByteSpan, session: ByteSpan): MaybeLater<void>;
  /** @returns whether there was an unexpired entry. */
  delete(id: ByteSpan): MaybeLater<boolean>;
  /** Removes all entries. @returns how many there were. */
  flush(): MaybeLater<number>;
  /**
   * A page of entries in the order of their arrival, oldest first. It has at most
   * `limit` entries, and fewer when their ids are long. A page may be empty even if
   * it isn't the last one.
   */
  list(cursor: string, limit: number): MaybeLater<EntryPage>;
  statistics(): CacheStatistics;
  /** Sets other limits. Sessions beyond them are removed soon, the oldest first. */
  change(limits: CacheLimits): void;
  /** Writes what must survive to the file and releases it. Synchronous: the process is ending. */
  closeNow(): void;
}

/** A cache by its name, as requests know it. */
export interface NamedCache {
  readonly label: CacheName;
  /** Known for a disabled cache as well, as the request `policy` returns it. */
  readonly lifetimeSeconds: number;
  /** Undefined while the cache is off. */
  readonly cache: SessionCache | undefined;
}

/** All session caches. */
export interface NamedCaches {
  /** A new array each time that a cache is opened, closed or changed. */
  readonly all: readonly NamedCache[];
}

export interface ListedEntry {
  id: Buffer;
  sessionBytes: number;
  storedAtSeconds: number;
  expiresAtSeconds: number;
}

export interface EntryPage {
  entries: ListedEntry[];
  /** Where the next page starts; empty if this page is the last one. */
  nextCursor: string;
}

export interface CacheStatistics extends CacheCounters {
  entries: number;
  /** Bytes of ids and sessions held. */
  bytes: number;
  sizeLimitBytes: number;
  /** 0: no limit. */
  entryLimit: number;
  /** Memory that the cache occupies. */
  memoryBytes: number;
  /** Size of the cache's file; 0 without a file. */
  fileBytes: number;
  /** False while a failing disk has switched persistence off. */
  fileHealthy: boolean;
}
