/**
 * All databases of session caches that main.cf and master.cf name, without
 * regard to the options of this process. Another tlsmgr may have its sessions
 * there, for example a second service of master.cf. So each cache counts whose
 * database main.cf sets, also one that tlsmgr_session_caches doesn't name: a
 * mistake in that list loses no file. A cache that main.cf turns off with a
 * lifetime of 0 isn't among them.
 */
import { closeSync, readFileSync } from 'node:fs';
import { FatalError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import { openForReading } from '../system/safe-open.ts';
import { fromByteText, toByteText } from './byte-text.ts';
import { type CacheDescription, cachesNamed, isCacheName, isPostfixCache } from './cache-names.ts';
import type { Warn } from './main-cf.ts';
import { cacheRows } from './parameters/caches.ts';
import type { Settings } from './settings.ts';
import { timeValue } from './values.ts';

const comment = /^[ \t]*#.*$/gmu;
const setting = /\b(\w+_tls_session_cache_database)[ \t]*=[ \t]*(\S*)/gu;
const databaseName = /^(\w+)_tls_session_cache_database$/u;

/** @returns expanded values; undefined, after a warning, when a file or a value can't be read. */
export function otherDatabases(settings: Settings, warn: Warn): string[] | undefined {
  const path = `${settings.directory}/master.cf`;
  try {
    return [...ofMainCf(settings), ...ofMasterCf(path, settings)].filter((value) => value !== '');
  } catch (thrown) {
    const reason = thrown instanceof FatalError ? thrown.message : `${path}: ${reasonOf(thrown)}`;
    warn(`${reason}; files of earlier session caches stay where they are`);
    return undefined;
  }
}

function ofMainCf(settings: Settings): string[] {
  const named = settings
    .namesInMainCf()
    .flatMap((name) => databaseName.exec(name)?.[1] ?? [])
    .filter((name) => isCacheName(name));
  return cachesNamed(named)
    .filter((cache) => isOn(cache, settings))
    .map(({ name }) => settings.inMainCf(`${name}_tls_session_cache_database`) ?? '');
}

function isOn(cache: CacheDescription, settings: Settings): boolean {
  const { lifetimeSeconds: parameter } = cacheRows(cache);
  const { name } = parameter;
  try {
    const text = settings.inMainCf(name);
    return text === undefined || timeValue(name, text, parameter, () => undefined) > 0;
  } catch (thrown) {
    // An added cache has its default then.
    if (thrown instanceof FatalError && !isPostfixCache(cache.name)) {
      return true;
    }
    throw thrown;
  }
}

function ofMasterCf(path: string, settings: Settings): string[] {
  let text: string;
  try {
    // Only a regular file: the start would wait for a FIFO.
    const fd = openForReading(path, ['regular file']);
    try {
      text = fromByteText(readFileSync(fd, 'latin1'));
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw thrown;
  }
  return [...text.replaceAll(comment, '').matchAll(setting)].map(([, name, value]) =>
    settings.expanded(name!, toByteText(withoutBrace(value!))),
  );
}

/** The value without the closing brace of `{ name = value}`. */
function withoutBrace(value: string): string {
  const isOpen = value.split('}').length > value.split('{').length;
  return isOpen && value.endsWith('}') ? value.slice(0, -1) : value;
}
