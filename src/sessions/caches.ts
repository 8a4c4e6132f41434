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
import { closeSync, ftruncateSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CacheSettings, MailOwner } from '../config/config.ts';
import { FatalError, TlsmgrError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf } from '../system/calls.ts';
import type { Clock } from '../system/clock.ts';
import { redirectTable } from '../system/data-redirect.ts';
import { after, type Timer } from '../system/timers.ts';
import { fileSuffix, lockCacheFile, openCacheFile, type OpenFile } from './cache-file.ts';
import { CircularLog } from './circular-log.ts';
import { databaseOf, type Database } from './database.ts';
import { evictionAlarm } from './eviction-alarm.ts';
import { geometryOf } from './geometry.ts';
import { LoggedCache } from './logged-cache.ts';
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
  lockPatienceMs?: number;
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
  /** Writes out what must survive, for all three. Synchronous: the process is ending. */
  closeNow(): void;
}

interface Wanted {
  settings: CacheSettings;
  database: Database;
  /** After redirection, without suffix; undefined for no file. */
  path: string | undefined;
}

function parameterOf(label: CacheLabel): string {
  return `${label}_tls_session_cache_database`;
}

function isEnabled(settings: CacheSettings): boolean {
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
  readonly #file: OpenFile | undefined;
  readonly #log: Logger;
  readonly #settings: CacheSettings;
  #cleanup: Timer | undefined;

  constructor(
    settings: CacheSettings,
    file: OpenFile | undefined,
    dependencies: CachesDependencies,
  ) {
    this.#settings = settings;
    this.#file = file;
    this.#log = dependencies.log;
    const log = new CircularLog(
      { ...settings, ...geometryOf(settings.sizeLimitBytes) },
      {
        clock: dependencies.clock,
        onEviction: evictionAlarm(settings, dependencies.clock, dependencies.log),
      },
    );
    if (file !== undefined) {
      ftruncateSync(file.fd, 0);
    }
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
    if (this.#file !== undefined) {
      closeSync(this.#file.fd);
    }
  }

  #logCleanup(): void {
    const { label, lifetimeSeconds } = this.#settings;
    this.#log.info(`tlsmgr_cache_run_event: start TLS ${label} session cache cleanup`);
    this.#cleanup = after(lifetimeSeconds, () => this.#logCleanup());
  }
}

function openFile(
  wanted: Wanted,
  opened: Map<string, CacheSettings>,
  dependencies: CachesDependencies,
): OpenFile | undefined {
  const { settings, database, path } = wanted;
  if (database.kind === 'unusable') {
    throw new TlsmgrError('STORAGE', database.reason);
  }
  if (path === undefined) {
    return undefined;
  }
  const file = openCacheFile(path + fileSuffix);
  try {
    const other = opened.get(file.identity);
    if (other !== undefined) {
      refuseSharedFile(other, settings);
    }
    lockCacheFile(file, dependencies.lockPatienceMs);
    opened.set(file.identity, settings);
    return file;
  } catch (error) {
    closeSync(file.fd);
    throw error;
  }
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
  const opened = new Map<string, CacheSettings>();
  const open = new Map<CacheLabel, OpenCache>();
  for (const one of wanted) {
    const { label, database, logOperations } = one.settings;
    if (logOperations) {
      const name = one.path === undefined ? database : `${one.database.type}:${one.path}`;
      log.info(`open ${label} TLS cache ${name}`);
    }
    try {
      open.set(
        label,
        new OpenCache(one.settings, openFile(one, opened, dependencies), dependencies),
      );
    } catch (error) {
      if (error instanceof FatalError) {
        throw error;
      }
      log.error(`${parameterOf(label)} = ${database}: ${reasonOf(error)}`);
    }
  }
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
    closeNow: () => {
      for (const cache of open.values()) {
        cache.closeNow();
      }
    },
  };
}
