/**
 * What has to happen for the open caches to be those that main.cf asks for:
 * which leave, which come, which change. Looks at names and directories, and
 * opens nothing: whatever is wrong is thrown before anything has changed.
 */
import { basename } from 'node:path';
import { type CacheName, isPostfixCache } from '../config/cache-names.ts';
import type { CacheSettings } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { redirectTable } from '../system/data-redirect.ts';
import { directoryOf } from '../system/directory.ts';
import { databaseOf } from './database.ts';
import {
  type CachesSettings,
  isEnabled,
  refuseSharedFile,
  sharedFileText,
  type Wanted,
} from './wanted.ts';

export interface Plan {
  leave: CacheName[];
  /** Those that leave whose file another cache is to have. */
  leaveFirst: CacheName[];
  come: Wanted[];
  /** Open already; with the database that they have, and all else as main.cf says. */
  change: Wanted[];
  /** Those of them whose database is to be another one: that waits for the next start. */
  otherDatabase: CacheName[];
}

/**
 * Throws FatalError when two caches of Postfix would share a file, and TlsmgrError
 * when an added cache that is open would.
 */
export function planOf(
  open: ReadonlyMap<CacheName, Wanted>,
  next: CachesSettings,
  log: Logger,
): Plan {
  const asked = [...next.caches.values()]
    .filter((settings) => isEnabled(settings))
    .map((settings) => wantedOf(settings, next, log));
  const written = withoutSharedFiles(asked);
  // What the next start would refuse is refused now, too.
  refuseSharedFiles(written);
  const inForce = written.map((one) => {
    const has = open.get(one.settings.label);
    return has === undefined
      ? one
      : { ...has, settings: { ...one.settings, database: has.settings.database } };
  });
  refuseSharedFiles(inForce);
  const isWritten = (label: CacheName): boolean =>
    written.some(({ settings }) => settings.label === label);
  const come = inForce.filter(({ settings: { label } }) => !open.has(label));
  const change = inForce.filter(({ settings: { label } }) => open.has(label));
  const leave = [...open.keys()].filter((label) => !isWritten(label));
  const taken = new Set(come.map((one) => fileOf(one)));
  return {
    leave,
    leaveFirst: leave.filter((label) => {
      const file = fileOf(open.get(label)!);
      return file !== undefined && taken.has(file);
    }),
    come,
    change,
    otherDatabase: change
      .filter(({ settings: { label, database } }) => next.caches.get(label)!.database !== database)
      .map(({ settings: { label } }) => label),
  };
}

function wantedOf(settings: CacheSettings, all: CachesSettings, log: Logger): Wanted {
  const database = databaseOf(settings.database, all.defaultDatabaseType);
  const path =
    database.kind === 'file' || (database.kind === 'unusable' && database.redirected)
      ? redirectTable(settings.database, database.path, all, log)
      : undefined;
  return { settings, database, path };
}

/** An added cache can't be opened with the file of another one: the others serve all the same. */
function withoutSharedFiles(wanted: readonly Wanted[]): Wanted[] {
  const owners = new Map<string, Wanted>();
  return wanted.map((one) => {
    const file = fileOf(one);
    const owner = file === undefined ? undefined : owners.get(file);
    if (owner === undefined || isPostfixCache(one.settings.label)) {
      if (file !== undefined) {
        owners.set(file, one);
      }
      return one;
    }
    const { type } = one.database;
    const reason = sharedFileText(owner.settings);
    const database = { kind: 'unusable', type, path: '', reason, redirected: false } as const;
    return { ...one, database, path: undefined };
  });
}

function refuseSharedFiles(wanted: readonly Wanted[]): void {
  const owners = new Map<string, Wanted>();
  for (const one of wanted) {
    const file = fileOf(one);
    if (file === undefined) {
      continue;
    }
    const other = owners.get(file);
    if (other !== undefined) {
      refuseSharedFile(other.settings, one.settings);
    }
    owners.set(file, one);
  }
}

/** The same for two names of one file, whether it is there or not. */
function fileOf({ path }: Wanted): string | undefined {
  return path === undefined ? undefined : `${directoryOf(path)}/${basename(path)}`;
}
