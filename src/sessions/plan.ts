/**
 * Plans how the open caches become those that main.cf asks for: which are closed,
 * opened or changed. It looks only at names and directories, and opens nothing. So
 * an error is thrown before anything has changed.
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
  /** The caches to close. */
  leave: CacheName[];
  /** Those of `leave` whose file a new cache takes. They are closed before it is opened. */
  leaveFirst: CacheName[];
  /** The caches to open. */
  come: Wanted[];
  /** The caches that stay open. They keep their database; all else is as main.cf says. */
  change: Wanted[];
  /** The caches that are off until the next start, as an open one keeps their file until then. */
  wait: Waiting[];
  /** Those of `change` for which main.cf names another database, and those of `wait`: used from the next start on. */
  otherDatabase: CacheName[];
}

export interface Waiting {
  wanted: Wanted;
  /** Whose file it is. */
  owner: CacheSettings;
}

/** Throws FatalError when two caches of Postfix would share a file after the next start. */
export function planOf(
  open: ReadonlyMap<CacheName, Wanted>,
  next: CachesSettings,
  log: Logger,
): Plan {
  const asked = [...next.caches.values()]
    .filter((settings) => isEnabled(settings))
    .map((settings) => wantedOf(settings, next, log));
  const written = withoutSharedFiles(asked);
  // What the next start would refuse is refused now, as well.
  refuseSharedFiles(written);
  const inForce = written.map((one) => {
    const has = open.get(one.settings.label);
    return has === undefined
      ? one
      : { ...has, settings: { ...one.settings, database: has.settings.database } };
  });
  const isWritten = (label: CacheName): boolean =>
    written.some(({ settings }) => settings.label === label);
  const change = inForce.filter(({ settings: { label } }) => open.has(label));
  const owners = new Map(change.map((one) => [fileOf(one), one.settings]));
  const ownerOf = (one: Wanted): CacheSettings | undefined => {
    const file = fileOf(one);
    return file === undefined ? undefined : owners.get(file);
  };
  const others = inForce.filter(({ settings: { label } }) => !open.has(label));
  const come = others.filter((one) => ownerOf(one) === undefined);
  const wait = others.flatMap((wanted) => {
    const owner = ownerOf(wanted);
    return owner === undefined ? [] : [{ wanted, owner }];
  });
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
    wait,
    otherDatabase: [
      ...change.filter(
        ({ settings: { label, database } }) => next.caches.get(label)!.database !== database,
      ),
      ...wait.map(({ wanted }) => wanted),
    ].map(({ settings: { label } }) => label),
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

/** Makes an added cache unusable if it would have the file of another cache. All others serve nevertheless. */
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

/** A text for the file that is the same for all its paths. The file needn't exist. */
function fileOf({ path }: Wanted): string | undefined {
  return path === undefined ? undefined : `${directoryOf(path)}/${basename(path)}`;
}
