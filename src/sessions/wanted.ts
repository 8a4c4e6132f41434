/** What main.cf asks for: the settings of all caches, and one cache that is to be open. */
import { type CacheName, isPostfixCache } from '../config/cache-names.ts';
import type { CacheSettings, MailOwner } from '../config/config.ts';
import { FatalError, TlsmgrError } from '../errors.ts';

export interface CachesSettings {
  caches: ReadonlyMap<CacheName, CacheSettings>;
  persistentCaches: boolean;
  cacheKeyFile: string;
  dataDirectory: string;
  mailOwner: MailOwner;
  defaultDatabaseType: string;
  /** Databases of other processes. Undefined: unknown, and no file is taken for a left one. */
  otherDatabases: readonly string[] | undefined;
}

/** A cache that is to be open. */
export interface Wanted {
  settings: CacheSettings;
  database: Database;
  /** The path after redirection, without suffix; undefined when there is no file. */
  path: string | undefined;
}

/** What the value of a `..._tls_session_cache_database` parameter names. */
export type Database =
  | { kind: 'file'; type: string; path: string }
  | { kind: 'memory'; type: string }
  | { kind: 'unusable'; type: string; path: string; reason: string; redirected: boolean };

/** The parameter that names a cache's database. */
export function parameterOf(label: CacheName): string {
  return `${label}_tls_session_cache_database`;
}

/** Whether main.cf wants this cache. */
export function isEnabled(settings: CacheSettings): boolean {
  return settings.database !== '' && settings.lifetimeSeconds > 0;
}

/**
 * Throws FatalError with Postfix's text. For an added cache, which Postfix doesn't
 * know, it throws TlsmgrError: that cache is off, and the others serve.
 */
export function refuseSharedFile(first: CacheSettings, second: CacheSettings): never {
  if (!isPostfixCache(second.label)) {
    throw new TlsmgrError('STORAGE', sharedFileText(first));
  }
  throw new FatalError(
    `do not use the same TLS cache file ${first.database} for ${first.label} and ${second.label}`,
  );
}

/** Why a cache can't have the file that another one has. */
export function sharedFileText(owner: CacheSettings): string {
  return `the ${owner.label} cache has this file`;
}
