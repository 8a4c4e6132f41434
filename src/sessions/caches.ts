/**
 * The three session caches, from the settings to caches that serve. Called
 * while the effective ids are mail_owner's and before the chroot; nothing is
 * opened by its path afterwards.
 *
 * A database that can't be used switches that one cache off, with one error
 * line that names the parameter, its value and the reason. Throws FatalError
 * when two caches would share a file, and for a key file that can't be used.
 *
 * Behaviour: Postfix src/tlsmgr/tlsmgr.c, src/tls/tls_scache.c.
 */
import { closeSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CacheSettings, MailOwner } from '../config/config.ts';
import { FatalError, TlsmgrError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf } from '../system/calls.ts';
import type { Clock } from '../system/clock.ts';
import { redirectTable } from '../system/data-redirect.ts';
import { after, type Timer } from '../system/timers.ts';
import { fileSuffix, openCacheFile, type PreparedFile } from './cache-file.ts';
import { type CacheKeys, readCacheKeys } from './cache-keys.ts';
import { CircularLog } from './circular-log.ts';
import { databaseOf, type Database } from './database.ts';
import { evictionAlarm } from './eviction-alarm.ts';
import { geometryOf } from './geometry.ts';
import { LoggedCache } from './logged-cache.ts';
import { keepInFile } from './persistence.ts';
import { cacheLabels, type CacheLabel, type SessionCache } from './session-cache.ts';

export interface CachesSettings {
  caches: Record<CacheLabel, CacheSettings>;
  persistentCaches: boolean;
  cacheKeyFile: string;
  dataDirectory: string;
  mailOwner: MailOwner;
  defaultDatabaseType: string;
}

export interface CachesDependencies {
  log: Logger;
  clock: Clock;
  /** How long to wait for the lock on a file, in milliseconds. */
  lockPatienceMs?: number | undefined;
}

export interface CacheOfLabel {
  readonly label: CacheLabel;
  readonly lifetimeSeconds: number;
  /** Undefined: off. */
  readonly cache: SessionCache | undefined;
  /** The parameter's value; empty when there is none. */
  readonly database: string;
  /** `btree`, `internal` and the like; empty when there is no database. */
  readonly type: string;
}

export interface Caches extends Record<CacheLabel, CacheOfLabel> {
  /** Resolves when the files have been read back; requests are served meanwhile. Never rejects. */
  readonly loaded: Promise<void>;
  /** Writes out what must survive, for all three. Synchronous: the process is ending. */
  closeNow(): void;
}

interface Wanted {
  settings: CacheSettings;
  database: Database;
  /** After redirection, without suffix; undefined for no file. */
  path: string | undefined;
}

/** The parameter that names a cache's database. */
export function parameterOf(label: CacheLabel): string {
  return `${label}_tls_session_cache_database`;
}

/** Whether main.cf wants this cache. */
export function isEnabled(settings: CacheSettings): boolean {
  return settings.database !== '' && settings.lifetimeSeconds > 0;
}

function wantedOf(settings: CacheSettings, all: CachesSettings, log: Logger): Wanted {
  const database = databaseOf(settings.database, all.defaultDatabaseType);
  const path =
    database.kind === 'file' || (database.kind === 'unusable' && database.redirected)
      ? redirectTable(settings.database, database.path, all, log)
      : undefined;
  return { settings, database, path };
}

function refuseSharedFile(first: CacheSettings, second: CacheSettings): never {
  throw new FatalError(
    `do not use the same TLS cache file ${first.database} for ${first.label} and ${second.label}`,
  );
}

/** Everything that is open for one cache. */
class OpenCache {
  readonly cache: SessionCache;
  /** Resolves when its file has been read back. */
  readonly loaded: Promise<void>;
  readonly #fd: number | undefined;
  readonly #log: Logger;
  readonly #settings: CacheSettings;
  #cleanup: Timer | undefined;

  constructor(
    settings: CacheSettings,
    file: PreparedFile | undefined,
    keys: CacheKeys | undefined,
    dependencies: CachesDependencies,
  ) {
    this.#settings = settings;
    // A file that is written to is closed by what writes to it.
    this.#fd = file?.content === undefined ? file?.fd : undefined;
    this.#log = dependencies.log;
    const log = new CircularLog(
      { ...settings, ...geometryOf(settings.sizeLimitBytes) },
      {
        clock: dependencies.clock,
        onEviction: evictionAlarm(settings, dependencies.clock, dependencies.log),
      },
    );
    this.loaded =
      file?.content === undefined
        ? Promise.resolve()
        : keepInFile(settings.label, file.fd, log, file.content, keys, dependencies).loaded;
    if (settings.logOperations) {
      this.cache = new LoggedCache(settings.label, log, dependencies.log);
      this.#logCleanup();
    } else {
      this.cache = log;
    }
  }

  closeNow(): void {
    this.#cleanup?.cancel();
    this.cache.closeNow();
    if (this.#fd !== undefined) {
      closeSync(this.#fd);
    }
  }

  #logCleanup(): void {
    const { label, lifetimeSeconds } = this.#settings;
    this.#log.info(`tlsmgr_cache_run_event: start TLS ${label} session cache cleanup`);
    this.#cleanup = after(lifetimeSeconds, () => this.#logCleanup());
  }
}

function prepareFile(
  wanted: Wanted,
  persistent: boolean,
  opened: Map<string, CacheSettings>,
  dependencies: CachesDependencies,
): PreparedFile | undefined {
  const { settings, database, path } = wanted;
  if (database.kind === 'unusable') {
    throw new TlsmgrError('STORAGE', database.reason);
  }
  if (path === undefined) {
    return undefined;
  }
  return openCacheFile(path + fileSuffix, settings, {
    persistent,
    lockPatienceMs: dependencies.lockPatienceMs,
    log: dependencies.log,
    claim: (identity) => {
      const other = opened.get(identity);
      if (other !== undefined && other !== settings) {
        refuseSharedFile(other, settings);
      }
      opened.set(identity, settings);
    },
  });
}

/** Opens what the settings ask for. Synchronous. */
export function openCaches(settings: CachesSettings, dependencies: CachesDependencies): Caches {
  const { log } = dependencies;
  const wanted = cacheLabels
    .map((label) => settings.caches[label])
    .filter((cache) => isEnabled(cache))
    .map((cache) => wantedOf(cache, settings, log));
  for (const [index, one] of wanted.entries()) {
    for (const other of wanted.slice(index + 1)) {
      if (one.path !== undefined && other.path !== undefined) {
        if (resolve(one.path) === resolve(other.path)) {
          refuseSharedFile(one.settings, other.settings);
        }
      }
    }
  }
  const keys =
    settings.persistentCaches && settings.cacheKeyFile !== ''
      ? readCacheKeys(settings.cacheKeyFile, log)
      : undefined;
  const opened = new Map<string, CacheSettings>();
  const open = new Map<CacheLabel, OpenCache>();
  for (const one of wanted) {
    const { label, database, logOperations } = one.settings;
    if (logOperations) {
      const name = one.path === undefined ? database : `${one.database.type}:${one.path}`;
      log.info(`open ${label} TLS cache ${name}`);
    }
    try {
      const file = prepareFile(one, settings.persistentCaches, opened, dependencies);
      open.set(label, new OpenCache(one.settings, file, keys, dependencies));
    } catch (error) {
      if (error instanceof FatalError) {
        throw error;
      }
      log.error(`${parameterOf(label)} = ${database}: ${reasonOf(error)}`);
    }
  }
  keys?.wipe();
  const ofLabel = (label: CacheLabel): CacheOfLabel => {
    const { database, lifetimeSeconds } = settings.caches[label];
    return {
      label,
      lifetimeSeconds,
      cache: open.get(label)?.cache,
      database,
      type: database === '' ? '' : databaseOf(database, settings.defaultDatabaseType).type,
    };
  };
  return {
    smtpd: ofLabel('smtpd'),
    smtp: ofLabel('smtp'),
    lmtp: ofLabel('lmtp'),
    loaded: Promise.all([...open.values()].map((cache) => cache.loaded)).then(() => undefined),
    closeNow: () => {
      for (const cache of open.values()) {
        cache.closeNow();
      }
    },
  };
}
