/**
 * A store keeps the sessions of one cache. Each type of database has a row in
 * cache-types.ts, with the function that opens its store.
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
  /** Resolves when all kept sessions have been read back. It serves meanwhile. Never rejects. */
  readonly loaded: Promise<void>;
  /** Resolves when others may use its file. Read it after closeNow(). */
  readonly released: Promise<void>;
  /** Writes what must survive to the file. Called once. Synchronous: the process may be ending. */
  closeNow(): void;
}

/** What seals files: keys, or nothing (undefined), or keys that can't be used. */
export type Sealing = CacheKeys | undefined | 'unusable';

/** How long all caches that are opened together may still wait, in milliseconds. */
export interface Patience {
  leftMs: number;
}

export interface StoreRequest {
  readonly wanted: Wanted;
  readonly all: CachesSettings;
  /** The cache's settings with the limits in force. A later change writes other limits into this object. */
  readonly inForce: Readonly<CacheSettings>;
  readonly counters: CacheCounters;
  readonly claims: FileClaims;
  readonly sealing: Sealing;
  readonly patience: Patience;
  readonly log: Logger;
  readonly clock: Clock;
  /** For tests: the pause between two tries to use an awaited file. */
  readonly retrySeconds?: number | undefined;
}

/**
 * Opens a store in steps. It yields when it must wait. opening.ts does the waiting,
 * as it depends on whether clients are served.
 * Throws TlsmgrError when this store can't be opened: its cache is off then.
 * Throws FatalError when the settings as a whole can't be used.
 */
export type Opening = Generator<void, Store, void>;

/** A store that needn't wait is returned at once. */
export type OpenStore = (request: StoreRequest) => Store | Opening;
