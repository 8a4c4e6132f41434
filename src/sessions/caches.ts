/**
 * The session caches, from the settings to caches that serve. Called
 * while the effective ids are mail_owner's and before the chroot; afterwards a
 * file is opened by its path only where the path still leads to the same place.
 *
 * A database that can't be used switches that one cache off, with one error
 * line that names the parameter, its value and the reason. One that can't be
 * used at the moment (awaited-file.ts) leaves the cache in memory. So does a key
 * file that can't be used at the start: the files that it seals aren't touched,
 * and a later start reads them back. Throws FatalError when two caches would
 * share a file, and for such a key file at a change.
 *
 * Behaviour: Postfix src/tlsmgr/tlsmgr.c, src/tls/tls_scache.c.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheName } from '../config/cache-names.ts';
import type { CacheSettings } from '../config/config.ts';
import { FatalError, TlsmgrError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf } from '../system/calls.ts';
import type { Clock } from '../system/clock.ts';
import { mayPass } from './file/awaited-file.ts';
import { type CacheCounters, newCounters } from './cache-counters.ts';
import { fileSuffix, LockHeld, openCacheFile, type PreparedFile } from './file/cache-file.ts';
import { type CacheKeys, readCacheKeys } from './file/cache-keys.ts';
import { databaseOf } from './database.ts';
import { removeLeftFiles } from './left-files.ts';
import { type FileFound, OpenCache } from './open-cache.ts';
import { fitInto, type MemoryRoom } from './memory-share.ts';
import {
  type CachesSettings,
  isEnabled,
  planOf,
  parameterOf,
  refuseSharedFile,
  type Wanted,
} from './plan.ts';
import type { CacheLimits, NamedCache, NamedCaches } from './session-cache.ts';

export { type CachesSettings, isEnabled, parameterOf } from './plan.ts';

export interface CachesDependencies {
  log: Logger;
  clock: Clock;
  /** How long to wait for the lock on a file, in milliseconds. */
  lockPatienceMs?: number | undefined;
  /** What memory there is for all of them; no limit unless it is given. */
  room?: MemoryRoom;
  /** For tests: until a file that can't be used at the moment is tried again. */
  retrySeconds?: number | undefined;
}

export interface ServedCache extends NamedCache {
  /** The parameter's value; empty when there is none. */
  readonly database: string;
  /** `btree`, `internal` and the like; empty when there is no database. */
  readonly type: string;
  /** Since the process started, whether the cache is on or off. */
  readonly counters: Readonly<CacheCounters>;
}

export interface Caches extends NamedCaches {
  readonly all: readonly ServedCache[];
  /** Why files can't be sealed, and persistent caches are in memory alone; empty when they can. */
  readonly keyFault: string;
  /** Resolves when the files have been read back; requests are served meanwhile. Never rejects. */
  readonly loaded: Promise<void>;
  /**
   * Takes on other limits and lifetimes, opens a cache that main.cf now wants and
   * closes one that it no longer wants. All of it, or, when it rejects, nothing:
   * the caches serve on as they were. One call at a time.
   * @returns the labels whose database is another one than before: that stays until the next start.
   */
  change(settings: CachesSettings): Promise<CacheName[]>;
  /** Writes out what must survive, for all of them. Synchronous: the process is ending. */
  closeNow(): void;
}

const usualLockPatienceMs = 5000;
const lockPauseMs = 20;

/** Opens what the settings ask for. Synchronous: nobody is served yet. */
export function openCaches(settings: CachesSettings, dependencies: CachesDependencies): Caches {
  return new CacheSet(settings, dependencies);
}

/** Which cache uses which file, by device and inode. */
type Claims = Map<string, CacheSettings>;

/** What seals files: keys, nothing, or keys that can't be had. */
type Sealing = CacheKeys | undefined | 'unusable';

/** How long all that are opened together wait for locks. */
interface Patience {
  leftMs: number;
}

/** Waits for nothing itself: yields when there is something to wait for. */
type Opening = Generator<void, OpenCache | undefined, void>;

class CacheSet implements Caches {
  all: readonly ServedCache[];
  readonly loaded: Promise<void>;
  readonly keyFault: string;
  readonly #dependencies: CachesDependencies;
  readonly #open = new Map<CacheName, OpenCache>();
  readonly #claims: Claims = new Map();
  readonly #counters = new Map<CacheName, CacheCounters>();
  /** In force. */
  #settings: CachesSettings;
  /** Where memory leaves less than main.cf asks for. */
  #sizeLimits = new Map<CacheName, number>();
  #toldOfMemory = '';
  #closed = false;

  constructor(settings: CachesSettings, dependencies: CachesDependencies) {
    this.#settings = settings;
    this.#dependencies = dependencies;
    const { come } = planOf(new Map(), settings, dependencies.log);
    this.#fit(settings);
    const { keys, fault } = keysAtStart(settings, dependencies.log);
    this.keyFault = fault;
    const sealing = fault === '' ? keys : 'unusable';
    const patience = this.#patience();
    for (const wanted of come) {
      this.#take(wanted, openNow(this.#opening(wanted, settings, sealing, patience)));
    }
    keys?.wipe();
    this.#removeLeftFiles();
    this.all = this.#served();
    this.loaded = Promise.all([...this.#open.values()].map(({ loaded }) => loaded)).then(
      () => undefined,
    );
  }

  async change(next: CachesSettings): Promise<CacheName[]> {
    const { log } = this.#dependencies;
    const inForce = new Map([...this.#open].map(([label, { wanted }]) => [label, wanted]));
    const plan = planOf(inForce, next, log);
    const keys = keysOf(next, log);
    const before = this.#settings;
    const keysBefore = plan.leaveFirst.length === 0 ? undefined : keysOf(before, log);
    const patience = this.#patience();
    this.#fit(next);
    try {
      for (const label of plan.leaveFirst) {
        void this.#leave(label);
      }
      for (const wanted of plan.come) {
        this.#take(wanted, await this.#openLater(this.#opening(wanted, next, keys, patience)));
      }
    } catch (error) {
      this.#fit(before);
      for (const { settings } of plan.come) {
        void this.#leave(settings.label);
      }
      // Those that had to leave for it serve on.
      for (const label of plan.leaveFirst) {
        const wanted = inForce.get(label)!;
        const opening = this.#opening(wanted, before, keysBefore, patience);
        this.#take(wanted, await this.#openLater(opening));
        this.all = this.#served();
      }
      throw error;
    } finally {
      keys?.wipe();
      keysBefore?.wipe();
    }
    const left = plan.leave.map((label) => this.#leave(label));
    this.#settings = next;
    for (const wanted of plan.change) {
      this.#open.get(wanted.settings.label)?.change(wanted, this.#limitsOf(wanted));
    }
    this.all = this.#served();
    await Promise.all(left);
    this.#removeLeftFiles();
    return plan.otherDatabase;
  }

  closeNow(): void {
    this.#closed = true;
    for (const cache of this.#open.values()) {
      cache.closeNow();
    }
  }

  #patience(): Patience {
    return { leftMs: this.#dependencies.lockPatienceMs ?? usualLockPatienceMs };
  }

  /** Shares the memory that there is among the caches that are wanted. Says so, when it is less than they want. */
  #fit({ caches }: CachesSettings): void {
    const { room, log } = this.#dependencies;
    if (room?.limit === undefined) {
      return;
    }
    const wanted = new Map(
      [...caches.values()]
        .filter((settings) => isEnabled(settings))
        .map(({ label, sizeLimitBytes }) => [label, sizeLimitBytes]),
    );
    this.#sizeLimits = fitInto(room.bytes, wanted);
    const lower = [...this.#sizeLimits].filter(([label, bytes]) => bytes !== wanted.get(label));
    const told = lower
      .map(([label, bytes]) => `${label}_tls_session_cache_size_limit = ${bytes}`)
      .join(', ');
    if (told !== '' && told !== this.#toldOfMemory) {
      const { name, bytes } = room.limit;
      log.warning(`memory is limited to ${bytes} bytes (${name}): session caches go by ${told}`);
    }
    this.#toldOfMemory = told;
  }

  #limitsOf({ settings }: Wanted): CacheLimits {
    const { label, sizeLimitBytes } = settings;
    return { ...settings, sizeLimitBytes: this.#sizeLimits.get(label) ?? sizeLimitBytes };
  }

  #take({ settings: { label } }: Wanted, cache: OpenCache | undefined): void {
    if (cache === undefined) {
      return;
    }
    this.#open.set(label, cache);
    if (this.#closed) {
      // The process has begun to end meanwhile.
      cache.closeNow();
    }
  }

  /** @returns when its file is free for others: what is being written to it has come back then. */
  #leave(label: CacheName): Promise<void> {
    const cache = this.#open.get(label);
    if (cache === undefined) {
      return Promise.resolve();
    }
    this.#open.delete(label);
    this.all = this.#served();
    cache.closeNow();
    // Nothing of it stays in memory, either.
    void cache.cache.flush();
    this.#forgetClaims(label);
    return cache.fileClosed;
  }

  #removeLeftFiles(): void {
    const isUsed = (identity: string): boolean => this.#claims.has(identity);
    void removeLeftFiles(this.#settings, isUsed, this.#dependencies.log);
  }

  #forgetClaims(label: CacheName): void {
    for (const [identity, claimed] of this.#claims) {
      if (claimed.label === label) {
        this.#claims.delete(identity);
      }
    }
  }

  async #openLater(opening: Opening): Promise<OpenCache | undefined> {
    for (;;) {
      const { done, value } = opening.next();
      if (done === true) {
        return value;
      }
      await sleep(lockPauseMs);
    }
  }

  *#opening(wanted: Wanted, all: CachesSettings, sealing: Sealing, patience: Patience): Opening {
    const { log } = this.#dependencies;
    const { settings, database, path } = wanted;
    if (settings.logOperations) {
      const name = path === undefined ? settings.database : `${database.type}:${path}`;
      log.info(`open ${settings.label} TLS cache ${name}`);
    }
    let found: FileFound | undefined;
    while (found === undefined) {
      try {
        found = this.#find(wanted, all, sealing);
      } catch (error) {
        if (error instanceof FatalError) {
          throw error;
        }
        if (!(error instanceof LockHeld) || patience.leftMs <= 0) {
          if (path === undefined || !mayPass(error)) {
            log.error(`${parameterOf(settings.label)} = ${settings.database}: ${reasonOf(error)}`);
            this.#forgetClaims(settings.label);
            return undefined;
          }
          found = this.#missing(wanted, path, error, all);
        }
      }
      if (found === undefined) {
        patience.leftMs -= lockPauseMs;
        yield;
      }
    }
    const keys = sealing === 'unusable' ? undefined : sealing;
    return new OpenCache(wanted, this.#limitsOf(wanted), found, keys, {
      ...this.#dependencies,
      counters: this.#countersOf(settings.label),
    });
  }

  #find({ settings, database, path }: Wanted, all: CachesSettings, sealing: Sealing): FileFound {
    if (database.kind === 'unusable') {
      throw new TlsmgrError('STORAGE', database.reason);
    }
    if (path === undefined) {
      return { kind: 'none' };
    }
    return sealing === 'unusable'
      ? { kind: 'untouched' }
      : { kind: 'there', file: this.#openFile(settings, path, all) };
  }

  #missing({ settings }: Wanted, path: string, error: unknown, all: CachesSettings): FileFound {
    const { persistentCaches: persistent } = all;
    const open = (): PreparedFile => this.#openFile(settings, path, all);
    return { kind: 'missing', path, error, persistent, open };
  }

  #openFile(settings: CacheSettings, path: string, all: CachesSettings): PreparedFile {
    return openCacheFile(path + fileSuffix, settings, {
      persistent: all.persistentCaches,
      log: this.#dependencies.log,
      claim: (identity) => {
        const other = this.#claims.get(identity);
        if (other !== undefined && other.label !== settings.label) {
          refuseSharedFile(other, settings);
        }
        // A cache has one file: that of before has been put aside.
        this.#forgetClaims(settings.label);
        this.#claims.set(identity, settings);
      },
    });
  }

  #served(): ServedCache[] {
    const { caches, defaultDatabaseType } = this.#settings;
    return [...caches.values()].map((settings) => {
      const { label, lifetimeSeconds } = settings;
      const open = this.#open.get(label);
      // A database that is to be another one stays until the next start.
      const { database } = open?.wanted.settings ?? settings;
      return {
        label,
        lifetimeSeconds,
        cache: open?.cache,
        database,
        type: database === '' ? '' : databaseOf(database, defaultDatabaseType).type,
        counters: this.#countersOf(label),
      };
    });
  }

  #countersOf(label: CacheName): CacheCounters {
    const counters = this.#counters.get(label) ?? newCounters();
    this.#counters.set(label, counters);
    return counters;
  }
}

function keysOf(settings: CachesSettings, log: Logger): CacheKeys | undefined {
  return settings.persistentCaches && settings.cacheKeyFile !== ''
    ? readCacheKeys(settings.cacheKeyFile, log)
    : undefined;
}

/** Mail goes on without the files: nothing is written in the clear, and nothing that is sealed is lost. */
function keysAtStart(
  settings: CachesSettings,
  log: Logger,
): { keys: CacheKeys | undefined; fault: string } {
  try {
    return { keys: keysOf(settings, log), fault: '' };
  } catch (error) {
    if (!(error instanceof FatalError)) {
      throw error;
    }
    log.error(
      `${error.message}: session caches with a file are kept in memory alone. Mend the key file (tlsmgr check), then start again or run postfix reload`,
    );
    return { keys: undefined, fault: error.message };
  }
}

/** Waits as a process does that serves nobody yet. */
function openNow(opening: Opening): OpenCache | undefined {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const { done, value } = opening.next();
    if (done === true) {
      return value;
    }
    Atomics.wait(pause, 0, 0, lockPauseMs);
  }
}
