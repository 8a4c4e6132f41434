/**
 * Removes left files. A left file belongs to a cache that is off or that has
 * another path now, or it was renamed because it couldn't be used.
 *
 * - data_directory belongs to one Postfix instance alone. There, each of our files
 *   is a left one unless main.cf or master.cf names it for a cache that is on.
 * - In other directories a file is a left one only if main.cf names it for a cache
 *   that is off, or if it was renamed and lies beside a file that main.cf names.
 *
 * Called with mail_owner's rights, before the chroot.
 */
import { closeSync, existsSync, fstatSync, readdirSync, readSync, unlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { CacheSettings, MailOwner } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf, tryLock } from '../system/calls.ts';
import { redirectTable } from '../system/data-redirect.ts';
import { openOwnFile, UnsafeFileError } from '../system/safe-open.ts';
import { asideSuffix, fileSuffix } from './file/cache-file.ts';
import { databaseOf } from './database.ts';
import { hasMagic, slotsStart } from './file/manifest.ts';
import { overwriteAndClose } from './file/overwrite.ts';

const suffixes = [fileSuffix, fileSuffix + asideSuffix];

/** Errors for a file that isn't there, or that we haven't made. */
const othersCodes = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR', 'ELOOP']);

export interface LeftFilesSettings {
  caches: ReadonlyMap<string, CacheSettings>;
  defaultDatabaseType: string;
  dataDirectory: string;
  mailOwner: MailOwner;
  /** Databases of other processes in main.cf and master.cf; undefined: unknown, and nothing is removed. */
  otherDatabases: readonly string[] | undefined;
}

/**
 * Removes left files at once. Their content is overwritten in the background.
 * @param isUsed gets device and inode; tells whether a cache of this process uses the file.
 * @returns resolves when all is overwritten. Never rejects: what fails is logged.
 */
export async function removeLeftFiles(
  settings: LeftFilesSettings,
  isUsed: (identity: string) => boolean,
  log: Logger,
): Promise<void> {
  if (settings.otherDatabases === undefined) {
    return;
  }
  const caches = [...settings.caches.values()];
  const paths = new Set([
    ...inDataDirectory(settings.dataDirectory, log).map((path) => resolve(path)),
    ...named(caches, settings),
  ]);
  // A cache that can't use its file now may use it later.
  for (const path of wanted(settings)) {
    paths.delete(resolve(path));
  }
  const off = new Set(
    named(
      caches.filter(({ lifetimeSeconds }) => lifetimeSeconds === 0),
      settings,
    ),
  );
  const reasonFor = (path: string): string =>
    off.has(path)
      ? 'belongs to a session cache that is off'
      : 'belongs to no session cache of main.cf or master.cf any more';
  await Promise.all([...paths].map((path) => removeLeft(path, reasonFor(path), isUsed, log)));
}

function inDataDirectory(folder: string, log: Logger): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => suffixes.some((suffix) => name.endsWith(suffix)))
      .map((name) => join(folder, name));
  } catch (thrown) {
    if (!hasOthersCode(thrown)) {
      log.warning(
        `cannot look for files of earlier session caches in ${folder}: ${reasonOf(thrown)}`,
      );
    }
    return [];
  }
}

function named(caches: readonly CacheSettings[], settings: LeftFilesSettings): string[] {
  return caches.flatMap(({ database }) =>
    placesOf(database, settings).flatMap((path) =>
      suffixes.map((suffix) => resolve(path + suffix)),
    ),
  );
}

/** Files of caches that are on, where they really are (data-redirect.ts). */
function wanted(settings: LeftFilesSettings): string[] {
  const on = [...settings.caches.values()]
    .filter(({ lifetimeSeconds }) => lifetimeSeconds > 0)
    .map(({ database }) => database);
  return [...on, ...settings.otherDatabases!].flatMap((table) =>
    placesOf(table, settings).map((path) => path + fileSuffix),
  );
}

/**
 * Where the file of a database may be. If its directory can't be examined, nobody
 * knows whether the file was redirected before: it may be in two places. A type
 * that can't be used counts too, as it may be a mistake in main.cf.
 */
function placesOf(table: string, settings: LeftFilesSettings): string[] {
  const database = databaseOf(table, settings.defaultDatabaseType);
  if (database.kind === 'memory' || database.path === '') {
    return [];
  }
  const inData = join(settings.dataDirectory, basename(database.path));
  const { path } = database;
  return existsSync(dirname(path))
    ? [redirectTable(table, path, settings, unheard)]
    : [path, inData];
}

/** Logs nothing: redirections were logged when the caches were opened. */
const unheard: Logger = {
  verbose: 0,
  info: () => undefined,
  warning: () => undefined,
  error: () => undefined,
};

async function removeLeft(
  path: string,
  why: string,
  isUsed: (identity: string) => boolean,
  log: Logger,
): Promise<void> {
  let fd: number | undefined;
  try {
    fd = openOwnFile(path, { create: false, followRootsLink: false });
    if (!isLeft(fd, isUsed)) {
      closeSync(fd);
      return;
    }
    unlinkSync(path);
  } catch (thrown) {
    if (fd !== undefined) {
      closeSync(fd);
    }
    if (fd !== undefined || !(thrown instanceof UnsafeFileError || hasOthersCode(thrown))) {
      log.warning(`cannot remove ${path}, which may hold sessions: ${reasonOf(thrown)}`);
    }
    return;
  }
  log.info(`${path} ${why}: overwritten and removed`);
  await overwriteAndClose(fd, path, log);
}

function isLeft(fd: number, isUsed: (identity: string) => boolean): boolean {
  const { dev, ino } = fstatSync(fd);
  const front = Buffer.alloc(slotsStart);
  const length = readSync(fd, front, 0, front.length, 0);
  // If another process uses it, that process has locked it.
  return !isUsed(`${dev}:${ino}`) && hasMagic(front.subarray(0, length)) && tryLock(fd);
}

function hasOthersCode(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && othersCodes.has(String(thrown.code));
}
