/**
 * What the requests see of a session cache, whatever keeps its entries.
 *
 * A cache answers at once or, for a store across a network, later with a
 * promise. Both keep this contract (test/contracts/session-cache.ts):
 *
 * - The arguments belong to the caller, and are valid only until the call
 *   returns. A cache that answers later copies what it needs of them first.
 * - A span that is returned at once is lent: it is valid until the next call on
 *   this cache. A span that is promised belongs to the caller, who overwrites it.
 * - A call that can't be done throws or rejects. The client gets status -1, as
 *   for a session that isn't there, and one warning goes to the log.
 * - A promise may take its time. Requests wait for it for a bounded time
 *   (requests/dispatcher.ts), give the client status -1 then, which means a miss
 *   to a look-up, and drop what comes afterwards.
 * - After closeNow() a cache answers like an empty one and takes nothing. A call
 *   that is still under way then is settled like any other, in either way.
 */

import type { CacheName } from '../config/cache-names.ts';
import type { CacheCounters } from './cache-counters.ts';
import type { MaybeLater } from './later.ts';

/**
 * No id is longer. Those of Postfix have up to some 3 kB: service, destination,
 * host, address, digest and what the server calls itself.
 */
export const longestIdBytes = 65_536;

/** A stretch of a buffer. Whose it is, and for how long, is told above. */
export interface ByteSpan {
  buffer: Buffer;
  start: number;
  end: number;
}

/** What may change while a cache serves. */
export interface CacheLimits {
  lifetimeSeconds: number;
  /** Of ids and sessions together; 0: none. */
  sizeLimitBytes: number;
  /** 0: none. */
  entryLimit: number;
}

export interface SessionCache {
  /** The session stored under an id, or undefined. */
  lookup(id: ByteSpan): MaybeLater<ByteSpan | undefined>;
  /**
   * When the session of an answer was stored: wall clock, seconds since 1970.
   * @param found what the last look-up on this cache has returned, or any that was promised.
   */
  storedAtSeconds(found: ByteSpan): number;
  /** Stores a copy; replaces an entry of the same id and renews its time. */
  update(id: ByteSpan, session: ByteSpan): MaybeLater<void>;
  /** @returns whether there was an unexpired entry. */
  delete(id: ByteSpan): MaybeLater<boolean>;
  /** Drops every entry. @returns how many there were. */
  flush(): MaybeLater<number>;
  /**
   * A page of entries in the order of their arrival, oldest first: at most
   * `limit`, and fewer when their ids are long. It may be empty and not the last.
   */
  list(cursor: string, limit: number): MaybeLater<EntryPage>;
  statistics(): CacheStatistics;
  /** Takes on other limits. What no longer fits goes soon, the oldest first. */
  change(limits: CacheLimits): void;
  /** Writes out what must survive and releases the file. Synchronous: the process is ending. */
  closeNow(): void;
}

/** A cache by its name, as requests know it. */
export interface NamedCache {
  readonly label: CacheName;
  /** Seconds; of a disabled cache as well, since policy tells it. */
  readonly lifetimeSeconds: number;
  /** Undefined while the cache is off. */
  readonly cache: SessionCache | undefined;
}

/** All caches that there are. */
export interface NamedCaches {
  /** Another one when one of them is opened, closed or changed. */
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
  /** Where the next page starts; an empty string after the last one. */
  nextCursor: string;
}

export interface CacheStatistics extends CacheCounters {
  entries: number;
  /** Bytes of ids and sessions held. */
  bytes: number;
  sizeLimitBytes: number;
  /** 0: none. */
  entryLimit: number;
  /** Memory that the cache occupies, in bytes. */
  memoryBytes: number;
  /** Size of the file behind it; 0 without one. */
  fileBytes: number;
  /** False while a failing disk has switched persistence off. */
  fileHealthy: boolean;
}
