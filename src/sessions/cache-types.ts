/**
 * The types of databases for caches. Each has a row.
 */
import { openInFile, openInMemory } from './local-store.ts';
import type { OpenStore } from './store.ts';

/**
 * - `file`: the name is a path, and the file belongs to one cache.
 * - `memory`: the name means nothing.
 * - `read-only`: Postfix reads such files and can't update them.
 */
export type CacheType =
  | { readonly keptIn: 'file' | 'memory'; readonly open: OpenStore }
  | { readonly keptIn: 'read-only' };

/** A file in our own format, whatever format Postfix uses for the type. */
const ownFile: CacheType = { keptIn: 'file', open: openInFile };
const readOnly: CacheType = { keptIn: 'read-only' };

export const cacheTypes: ReadonlyMap<string, CacheType> = new Map<string, CacheType>([
  ['btree', ownFile],
  ['hash', ownFile],
  ['dbm', ownFile],
  ['sdbm', ownFile],
  ['lmdb', ownFile],
  ['internal', { keptIn: 'memory', open: openInMemory }],
  ['cdb', readOnly],
  ['dbz', readOnly],
]);

/** @param type one that databaseOf() calls usable. */
export function openerOf(type: string): OpenStore {
  const found = cacheTypes.get(type);
  if (found === undefined || found.keptIn === 'read-only') {
    throw new RangeError(`no cache can be kept in a database of type ${type}`);
  }
  return found.open;
}
