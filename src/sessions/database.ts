/**
 * What a `..._tls_session_cache_database` parameter names.
 *
 *     value = [type ":"] name
 *
 * Without a type it is default_database_type. Types that Postfix keeps in a
 * file it can update (btree, hash, dbm, sdbm, lmdb) all mean a file of ours at
 * that path; `internal` means memory alone; no other can be used.
 */

export type Database =
  | { kind: 'file'; type: string; path: string }
  | { kind: 'memory'; type: string }
  | { kind: 'unusable'; type: string; path: string; reason: string; redirected: boolean };

const fileTypes = new Set(['btree', 'hash', 'dbm', 'sdbm', 'lmdb']);
const readOnlyTypes = new Set(['cdb', 'dbz']);

export function databaseOf(value: string, defaultType: string): Database {
  const colon = value.indexOf(':');
  const type = colon < 0 ? defaultType : value.slice(0, colon);
  const path = value.slice(colon + 1);
  if (type === 'internal') {
    return { kind: 'memory', type };
  }
  if (fileTypes.has(type)) {
    return path === ''
      ? {
          kind: 'unusable',
          type,
          path,
          reason: `open database ${type}:: no file name`,
          redirected: false,
        }
      : { kind: 'file', type, path };
  }
  const reason = readOnlyTypes.has(type)
    ? `dictionary ${type}:${path} does not support update operations`
    : `unsupported dictionary type: ${type}`;
  return { kind: 'unusable', type, path, reason, redirected: readOnlyTypes.has(type) };
}
