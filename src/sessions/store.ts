/**
 * What keeps the sessions of one cache, and how it is opened. A type of database
 * is one row of cache-types.ts, with an OpenStore.
 */
import type { CacheSettings } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import type { CacheCounters } from './cache-counters.ts';
import type { CacheKeys } from './file/cache-keys.ts';
import type { FileClaims } from './file-claims.ts';
import type { CachesSettings, Wanted } from './wanted.ts';
import type { SessionCache } from './session-cache.ts';

export interface Store {
  readonly cache: SessionCache;
  /** Resolves when what it had kept is there again; it serves meanwhile. Never rejects. */
  readonly loaded: Promise<void>;
  /** Resolves when what it has held of the system is free for others. Asked after closeNow(). */
  readonly released: Promise<void>;
  /** Writes out what must survive. Called once. Synchronous: the process may be ending. */
  closeNow(): void;
}

/** What seals files: keys, nothing, or keys that can't be had. */
export type Sealing = CacheKeys | undefined | 'unusable';

/** How long all that are opened together may wait. */
export interface Patience {
  leftMs: number;
}

export interface StoreRequest {
  readonly wanted: Wanted;
  readonly all: CachesSettings;
  /** The cache's settings with the limits in force: other limits are put in later. */
  readonly inForce: Readonly<CacheSettings>;
  readonly counters: CacheCounters;
  readonly claims: FileClaims;
  readonly sealing: Sealing;
  readonly patience: Patience;
  readonly log: Logger;
  readonly clock: Clock;
  /** For tests: until a file that can't be used at the moment is tried again. */
  readonly retrySeconds?: number | undefined;
}

/**
 * Opens a store in steps. It yields when there is something to wait for, and
 * waits for nothing itself: opening.ts does, and knows whether anybody is served.
 * Throws TlsmgrError when this store can't be opened: its cache is off then.
 * Throws FatalError when the whole of the settings can't be used.
 */
export type Opening = Generator<void, Store, void>;

/** One that has nothing to wait for is open at once. */
export type OpenStore = (request: StoreRequest) => Store | Opening;
