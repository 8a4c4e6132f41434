/**
 * What the requests see of a session cache, whatever keeps its entries.
 * A cache answers at once or, for a store across a network, later; `MaybeLater`
 * says so, and a caller awaits only what is a promise.
 */

import type { CacheName } from '../config/cache-names.ts';
import type { CacheCounters } from './cache-counters.ts';

/** What the files behind caches call it. */
export type CacheLabel = CacheName;

/**
 * No id is longer. Those of Postfix have up to some 3 kB: service, destination,
 * host, address, digest and what the server calls itself.
 */
export const longestIdBytes = 65_536;

export type MaybeLater<T> = T | Promise<T>;

/** A stretch of somebody else's buffer, valid only until control returns to its owner. */
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
  /**
   * The session stored under an id, or undefined. What an immediate answer
   * points to is valid until the next call on this cache.
   */
  lookup(id: ByteSpan): MaybeLater<ByteSpan | undefined>;
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
