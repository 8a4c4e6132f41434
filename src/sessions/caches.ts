/**
 * Opens and changes the session caches as the settings ask for. They are opened
 * while the effective ids are mail_owner's, and before the chroot. After the chroot
 * a file is opened by its path only if the path still leads to the same place.
 *
 * - If a database can't be used, its cache is off. One error line names the
 *   parameter, its value and the reason.
 * - If a database can't be used at the moment (awaited-file.ts), its cache is kept
 *   in memory.
 * - If the key file can't be used at the start, the caches with a file are kept in
 *   memory. The sealed files aren't touched, and a later start reads them back.
 * - FatalError is thrown if two caches of Postfix would share a file. A change
 *   throws it also if the key file can't be used.
 *
 * Behaviour: Postfix src/tlsmgr/tlsmgr.c, src/tls/tls_scache.c.
 *
 * All caches together are in one of these states:
 *
 *     opening   until openCaches() returns
 *     serving
 *     changing  change() is under way; open caches go on serving
 *     closed    for good
 */
import type { CacheName } from '../config/cache-names.ts';
import type { CacheSettings } from '../config/config.ts';
import { FatalError, TlsmgrError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf } from '../system/calls.ts';
import type { Clock } from '../system/clock.ts';
import { type CacheCounters, newCounters } from './cache-counters.ts';
import { openerOf } from './cache-types.ts';
import { databaseOf } from './database.ts';
import { FileClaims } from './file-claims.ts';
import { removeLeftFiles } from './left-files.ts';
import type { MemoryRoom } from './memory-share.ts';
import { OpenCache, type ShareCache } from './open-cache.ts';
import { runBeforeServing, runWhileServing } from './opening.ts';
import { type Plan, planOf } from './plan.ts';
import { type CachesSettings, parameterOf, sharedFileText, type Wanted } from './wanted.ts';
import { keysAtStart, keysOf } from './sealing.ts';
import type { NamedCache, NamedCaches } from './session-cache.ts';
import { SizeLimits } from './size-limits.ts';
import type { Patience, Sealing, Store } from './store.ts';

export { type CachesSettings, isEnabled, parameterOf } from './wanted.ts';

export interface CachesDependencies {
  log: Logger;
  clock: Clock;
  /** How long to wait for the lock on a file, in milliseconds. */
  lockPatienceMs?: number | undefined;
  /** The memory for all caches together; no limit unless it is given. */
  room?: MemoryRoom;
  /** For tests: the pause between two tries to use an awaited file. */
  retrySeconds?: number | undefined;
  /** Shares a cache with other hosts. Called when a cache is opened. */
  share?: ShareCache | undefined;
}

export interface ServedCache extends NamedCache {
  /** The parameter's value; empty when there is none. */
  readonly database: string;
  /** `btree`, `internal` and the like; empty when there is no database. */
  readonly type: string;
  /** Why it could not be opened, and is off; empty otherwise. */
  readonly fault: string;
  /** Since the process started, whether the cache is on or off. */
  readonly counters: Readonly<CacheCounters>;
}

export interface Caches extends NamedCaches {
  readonly all: readonly ServedCache[];
  /**
   * The counters of all caches since the process started, closed ones among them.
   * So their sums never fall when a cache is closed.
   */
  readonly allCounters: Iterable<Readonly<CacheCounters>>;
  /** Why the key file can't be used, so that persistent caches are in memory only; empty when it can. */
  readonly keyFault: string;
  /** Resolves when all files have been read back. Requests are served meanwhile. Never rejects. */
  readonly loaded: Promise<void>;
  /**
   * Applies other settings: limits, lifetimes, caches to open and caches to close.
   * When it rejects, nothing has changed, and the caches go on serving as before.
   * Make one call at a time.
   * @returns the names of caches with another database in the new settings. They
   * keep their old one until the next start; a new one whose file another one keeps
   * so long is off until then.
   */
  change(settings: CachesSettings): Promise<CacheName[]>;
  /** Writes what must survive to the files, for all caches. Synchronous: the process is ending. */
  closeNow(): void;
}

const usualLockPatienceMs = 5000;

/** Opens the caches that the settings ask for. Synchronous: no client is served yet. */
export function openCaches(settings: CachesSettings, dependencies: CachesDependencies): Caches {
  return new CacheSet(settings, dependencies);
}

/** What is the same for all caches that are opened together. */
interface Round {
  all: CachesSettings;
  sealing: Sealing;
  patience: Patience;
}

class CacheSet implements Caches {
  all: readonly ServedCache[];
  readonly loaded: Promise<void>;
  readonly keyFault: string;
  readonly #dependencies: CachesDependencies;
  readonly #open = new Map<CacheName, OpenCache>();
  /** Of caches that could not be opened: why. */
  readonly #faults = new Map<CacheName, string>();
  readonly #claims = new FileClaims();
  readonly #counters = new Map<CacheName, CacheCounters>();
  readonly #limits: SizeLimits;
  /** The settings of main.cf that are in force. */
  #settings: CachesSettings;
  #state: 'opening' | 'serving' | 'changing' | 'closed' = 'opening';

  constructor(settings: CachesSettings, dependencies: CachesDependencies) {
    const { log, room } = dependencies;
    this.#settings = settings;
    this.#dependencies = dependencies;
    this.#limits = new SizeLimits(room, log);
    const { come } = planOf(new Map(), settings, log);
    this.#limits.fit(settings);
    const { keys, fault } = keysAtStart(settings, log);
    this.keyFault = fault;
    const sealing: Sealing = fault === '' ? keys : 'unusable';
    const round = { all: settings, sealing, patience: this.#patience() };
    for (const wanted of come) {
      this.#take(runBeforeServing(this.#opening(wanted, round)));
    }
    keys?.wipe();
    this.#removeLeftFiles();
    this.all = this.#served();
    this.loaded = Promise.all([...this.#open.values()].map(({ loaded }) => loaded)).then(
      () => undefined,
    );
    this.#state = 'serving';
  }

  async change(next: CachesSettings): Promise<CacheName[]> {
    if (this.#state !== 'serving') {
      throw new Error(`the caches can't be changed: ${this.#state}`);
    }
    this.#state = 'changing';
    try {
      return await this.#change(next);
    } finally {
      this.#endChange();
    }
  }

  get allCounters(): Iterable<Readonly<CacheCounters>> {
    return this.#counters.values();
  }

  closeNow(): void {
    this.#state = 'closed';
    for (const cache of this.#open.values()) {
      cache.closeNow();
    }
  }

  async #change(next: CachesSettings): Promise<CacheName[]> {
    const inForce = new Map([...this.#open].map(([label, { wanted }]) => [label, wanted]));
    const plan = planOf(inForce, next, this.#dependencies.log);
    await this.#exchange(plan, inForce, next);
    for (const { wanted, owner } of plan.wait) {
      const { label, database } = wanted.settings;
      this.#dependencies.log.warning(
        `${parameterOf(label)} = ${database}: off until the next start: ${sharedFileText(owner)} until then`,
      );
    }
    const left = plan.leave.map((label) => this.#leave(label));
    this.#settings = next;
    for (const wanted of plan.change) {
      const { settings } = wanted;
      this.#open.get(settings.label)?.change(wanted, this.#limits.applyTo(settings));
    }
    this.all = this.#served();
    await Promise.all(left);
    this.#removeLeftFiles();
    return plan.otherDatabase;
  }

  /**
   * Closes the caches whose files new caches take, and opens the new caches. When
   * one can't be opened, it undoes all of this and rejects.
   */
  async #exchange(
    { leaveFirst, come }: Plan,
    inForce: ReadonlyMap<CacheName, Wanted>,
    next: CachesSettings,
  ): Promise<void> {
    const { log } = this.#dependencies;
    const before = this.#settings;
    const keys = keysOf(next, log);
    const keysBefore = leaveFirst.length === 0 ? undefined : keysOf(before, log);
    const patience = this.#patience();
    this.#limits.fit(next);
    try {
      for (const label of leaveFirst) {
        void this.#leave(label);
      }
      await this.#openAll(come, { all: next, sealing: keys, patience });
    } catch (error) {
      this.#limits.fit(before);
      for (const { settings } of come) {
        void this.#leave(settings.label);
      }
      // The caches that were closed for it are opened again.
      const back = leaveFirst.map((label) => inForce.get(label)!);
      await this.#openAll(back, { all: before, sealing: keysBefore, patience });
      this.all = this.#served();
      throw error;
    } finally {
      keys?.wipe();
      keysBefore?.wipe();
    }
  }

  async #openAll(come: readonly Wanted[], round: Round): Promise<void> {
    for (const wanted of come) {
      this.#take(await runWhileServing(this.#opening(wanted, round)));
    }
  }

  /** Goes back to `serving`, unless the process has begun to end meanwhile. */
  #endChange(): void {
    if (this.#state === 'changing') {
      this.#state = 'serving';
    }
  }

  #patience(): Patience {
    return { leftMs: this.#dependencies.lockPatienceMs ?? usualLockPatienceMs };
  }

  #take(cache: OpenCache | undefined): void {
    if (cache === undefined) {
      return;
    }
    this.#open.set(cache.wanted.settings.label, cache);
    if (this.#state === 'closed') {
      // The process has begun to end while this one was being opened.
      cache.closeNow();
    }
  }

  /** Closes a cache. @returns resolves when its file is free for others: all writes have ended then. */
  #leave(label: CacheName): Promise<void> {
    const cache = this.#open.get(label);
    if (cache === undefined) {
      return Promise.resolve();
    }
    this.#open.delete(label);
    this.all = this.#served();
    cache.closeNow();
    // Its sessions are overwritten in memory as well.
    void cache.overwrite();
    this.#claims.forget(label);
    return cache.released;
  }

  #removeLeftFiles(): void {
    const isUsed = (identity: string): boolean => this.#claims.has(identity);
    void removeLeftFiles(this.#settings, isUsed, this.#dependencies.log);
  }

  /** @returns undefined for a cache that can't be opened: it is off, and the log says why. */
  *#opening(wanted: Wanted, round: Round): Generator<void, OpenCache | undefined, void> {
    const { log } = this.#dependencies;
    const { settings, database, path } = wanted;
    const { label } = settings;
    if (settings.logOperations) {
      const name = path === undefined ? settings.database : `${database.type}:${path}`;
      log.info(`open ${label} TLS cache ${name}`);
    }
    const inForce = this.#limits.applyTo(settings);
    this.#faults.delete(label);
    try {
      const store = yield* this.#openStore(wanted, inForce, round);
      return new OpenCache(wanted, inForce, store, this.#dependencies);
    } catch (error) {
      if (error instanceof FatalError) {
        throw error;
      }
      const reason = reasonOf(error);
      log.error(`${parameterOf(label)} = ${settings.database}: ${reason}`);
      this.#faults.set(label, reason);
      this.#claims.forget(label);
      return undefined;
    }
  }

  *#openStore(wanted: Wanted, inForce: CacheSettings, round: Round): Generator<void, Store, void> {
    const { database } = wanted;
    if (database.kind === 'unusable') {
      throw new TlsmgrError('STORAGE', database.reason);
    }
    const opened = openerOf(database.type)({
      ...this.#dependencies,
      ...round,
      wanted,
      inForce,
      counters: this.#countersOf(inForce.label),
      claims: this.#claims,
    });
    return 'cache' in opened ? opened : yield* opened;
  }

  #served(): ServedCache[] {
    const { caches, defaultDatabaseType } = this.#settings;
    return [...caches.values()].map((settings) => {
      const { label, lifetimeSeconds } = settings;
      const open = this.#open.get(label);
      // An open cache keeps its database until the next start, whatever main.cf says now.
      const { database } = open?.wanted.settings ?? settings;
      return {
        label,
        lifetimeSeconds,
        cache: open?.cache,
        fault: this.#faults.get(label) ?? '',
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
