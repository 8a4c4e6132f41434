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
import { resolve } from 'node:path';
import type { CacheSettings, MailOwner } from '../config/config.ts';
import { FatalError, TlsmgrError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf } from '../system/calls.ts';
import { redirectTable } from '../system/data-redirect.ts';
import { fileSuffix, openCacheFile, type PreparedFile } from './cache-file.ts';
import { readCacheKeys } from './cache-keys.ts';
import { databaseOf, type Database } from './database.ts';
import { removeLeftFiles } from './left-files.ts';
import { type CachesDependencies, OpenCache } from './open-cache.ts';
import { cacheLabels, type CacheLabel, type SessionCache } from './session-cache.ts';

export interface CachesSettings {
  caches: Record<CacheLabel, CacheSettings>;
  persistentCaches: boolean;
  cacheKeyFile: string;
  dataDirectory: string;
  mailOwner: MailOwner;
  defaultDatabaseType: string;
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
  /**
   * Takes on other limits and lifetimes, opens a cache that main.cf now wants and
   * closes one that it no longer wants. Synchronous.
   * @returns the labels whose database is another one than before: that stays until the next start.
   */
  change(settings: CachesSettings): CacheLabel[];
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

function prepareFile(
  wanted: Wanted,
  persistent: boolean,
  claims: Claims,
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
      const other = claims.get(identity);
      if (other !== undefined && other.label !== settings.label) {
        refuseSharedFile(other, settings);
      }
      // A cache has one file: that of before has been put aside.
      forgetClaims(claims, settings.label);
      claims.set(identity, settings);
    },
  });
}

/** Opens what the settings ask for. Synchronous. */
export function openCaches(settings: CachesSettings, dependencies: CachesDependencies): Caches {
  const claims: Claims = new Map();
  const open = openWanted(settings, cacheLabels, claims, dependencies);
  void removeLeftFiles(settings, (identity) => claims.has(identity), dependencies.log);
  const caches = Object.fromEntries(
    cacheLabels.map((label) => [label, ofLabel(label, settings, open)]),
  ) as Record<CacheLabel, CacheOfLabel>;
  return {
    ...caches,
    loaded: Promise.all([...open.values()].map((cache) => cache.loaded)).then(() => undefined),
    change(next) {
      const missing = cacheLabels.filter((label) => !open.has(label));
      const opened = openWanted(next, missing, claims, dependencies);
      const kept = cacheLabels.filter((label) => {
        const before = this[label];
        const settingsNow = changeOne(label, before, next, open, claims);
        const fresh = opened.get(label);
        if (fresh !== undefined) {
          open.set(label, fresh);
        }
        this[label] = ofLabel(label, settingsNow, open);
        return settingsNow.caches[label].database !== next.caches[label].database;
      });
      void removeLeftFiles(next, (identity) => claims.has(identity), dependencies.log);
      return kept;
    },
    closeNow: () => {
      for (const cache of open.values()) {
        cache.closeNow();
      }
    },
  };
}

type OpenCaches = Map<CacheLabel, OpenCache>;

/** Which cache uses which file, by device and inode. */
type Claims = Map<string, CacheSettings>;

function forgetClaims(claims: Claims, label: CacheLabel): void {
  for (const [identity, claimed] of claims) {
    if (claimed.label === label) {
      claims.delete(identity);
    }
  }
}

function ofLabel(label: CacheLabel, settings: CachesSettings, open: OpenCaches): CacheOfLabel {
  const { database, lifetimeSeconds } = settings.caches[label];
  return {
    label,
    lifetimeSeconds,
    cache: open.get(label)?.cache,
    database,
    type: database === '' ? '' : databaseOf(database, settings.defaultDatabaseType).type,
  };
}

/** Closes or changes one that is open. @returns the settings that it goes by then. */
function changeOne(
  label: CacheLabel,
  before: CacheOfLabel,
  next: CachesSettings,
  open: OpenCaches,
  claims: Claims,
): CachesSettings {
  const settings = next.caches[label];
  const cache = open.get(label);
  if (cache === undefined) {
    return next;
  }
  if (!isEnabled(settings)) {
    cache.closeNow();
    open.delete(label);
    forgetClaims(claims, label);
    return next;
  }
  cache.change(settings);
  return {
    ...next,
    caches: { ...next.caches, [label]: { ...settings, database: before.database } },
  };
}

/** Opens those of the labels that main.cf wants. */
function openWanted(
  settings: CachesSettings,
  labels: readonly CacheLabel[],
  claims: Claims,
  dependencies: CachesDependencies,
): OpenCaches {
  const { log } = dependencies;
  const all = cacheLabels
    .map((label) => settings.caches[label])
    .filter((cache) => isEnabled(cache));
  const wanted = all.map((cache) => wantedOf(cache, settings, log));
  refuseSharedPaths(wanted);
  const keys =
    settings.persistentCaches && settings.cacheKeyFile !== ''
      ? readCacheKeys(settings.cacheKeyFile, log)
      : undefined;
  const open: OpenCaches = new Map();
  for (const one of wanted.filter(({ settings: { label } }) => labels.includes(label))) {
    const { label, database, logOperations } = one.settings;
    if (logOperations) {
      const name = one.path === undefined ? database : `${one.database.type}:${one.path}`;
      log.info(`open ${label} TLS cache ${name}`);
    }
    try {
      const file = prepareFile(one, settings.persistentCaches, claims, dependencies);
      open.set(label, new OpenCache(one.settings, file, keys, dependencies));
    } catch (error) {
      if (error instanceof FatalError) {
        throw error;
      }
      log.error(`${parameterOf(label)} = ${database}: ${reasonOf(error)}`);
    }
  }
  keys?.wipe();
  return open;
}

function refuseSharedPaths(wanted: readonly Wanted[]): void {
  for (const [index, one] of wanted.entries()) {
    for (const other of wanted.slice(index + 1)) {
      if (one.path !== undefined && other.path !== undefined) {
        if (resolve(one.path) === resolve(other.path)) {
          refuseSharedFile(one.settings, other.settings);
        }
      }
    }
  }
}
