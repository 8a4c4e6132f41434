/**
 * Files of caches that are no more: switched off, with another path, or put
 * aside. In data_directory, which no two Postfix instances share, all files of
 * ours are such that neither main.cf nor master.cf names for a cache that is on;
 * elsewhere only what main.cf still names.
 * Called with mail_owner's rights, before the chroot.
 */
import { closeSync, existsSync, fstatSync, readdirSync, readSync, unlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { CacheSettings, MailOwner } from '../../config/config.ts';
import type { Logger } from '../../log/logger.ts';
import { reasonOf, tryLock } from '../../system/calls.ts';
import { redirectTable } from '../../system/data-redirect.ts';
import { openOwnFile, UnsafeFileError } from '../../system/safe-open.ts';
import { asideSuffix, fileSuffix } from './cache-file.ts';
import { databaseOf } from '../database.ts';
import { hasMagic, slotsStart } from './manifest.ts';
import { overwriteAndClose } from './overwrite.ts';

const suffixes = [fileSuffix, fileSuffix + asideSuffix];

/** Not there, or not made by us. */
const othersCodes = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR', 'ELOOP']);

export interface LeftFilesSettings {
  caches: Record<string, CacheSettings>;
  defaultDatabaseType: string;
  dataDirectory: string;
  mailOwner: MailOwner;
  /** That main.cf and master.cf name besides; undefined: unknown, and nothing is removed. */
  otherDatabases: readonly string[] | undefined;
}

/**
 * Removes them at once; their content is overwritten in the background.
 * @param isUsed told device and inode: whether a cache of this process uses the file.
 * @returns when all is overwritten. Never rejects: what fails is logged.
 */
export async function removeLeftFiles(
  settings: LeftFilesSettings,
  isUsed: (identity: string) => boolean,
  log: Logger,
): Promise<void> {
  if (settings.otherDatabases === undefined) {
    return;
  }
  const caches = Object.values(settings.caches);
  const paths = new Set([
    ...inDataDirectory(settings.dataDirectory, log).map((path) => resolve(path)),
    ...named(caches, settings),
  ]);
  // A cache may use its file later, when a fault is over.
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

/** Files of caches that are on, wherever they really are. */
function wanted(settings: LeftFilesSettings): string[] {
  const on = Object.values(settings.caches)
    .filter(({ lifetimeSeconds }) => lifetimeSeconds > 0)
    .map(({ database }) => database);
  return [...on, ...settings.otherDatabases!].flatMap((table) =>
    placesOf(table, settings).map((path) => path + fileSuffix),
  );
}

/** Where its file is, or has been while its directory could be examined. A type may be a mistake, too. */
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

/** Redirections have been told when the caches were opened. */
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
  // Another process that uses it has it locked.
  return !isUsed(`${dev}:${ino}`) && hasMagic(front.subarray(0, length)) && tryLock(fd);
}

function hasOthersCode(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && othersCodes.has(String(thrown.code));
}
