/**
 * Parses the value of a `..._tls_session_cache_database` parameter.
 *
 *     value = [type ":"] name
 *
 * Without a type, default_database_type holds. cache-types.ts lists the types.
 */
import { cacheTypes } from './cache-types.ts';
import type { Database } from './wanted.ts';

export function databaseOf(value: string, defaultType: string): Database {
  const colon = value.indexOf(':');
  const type = colon < 0 ? defaultType : value.slice(0, colon);
  const path = value.slice(colon + 1);
  const unusable = (reason: string, redirected: boolean): Database => {
    return { kind: 'unusable', type, path, reason, redirected };
  };
  const found = cacheTypes.get(type);
  if (found === undefined) {
    return unusable(`unsupported dictionary type: ${type}`, false);
  }
  if (found.keptIn === 'read-only') {
    return unusable(`dictionary ${type}:${path} does not support update operations`, true);
  }
  if (found.keptIn === 'memory') {
    return { kind: 'memory', type };
  }
  return path === ''
    ? unusable(`open database ${type}:: no file name`, false)
    : { kind: 'file', type, path };
}
