/**
 * Where a file that tlsmgr writes really goes. A path whose directory does not
 * belong to mail_owner moves to data_directory under its last part, with two
 * warnings; a directory that can't be examined leaves the path as it is.
 * Used for cache files and for the exchange file, by names only: nothing is
 * opened here.
 *
 * Behaviour: Postfix src/global/data_redirect.c.
 */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Logger } from '../log/logger.ts';

export interface RedirectSettings {
  mailOwner: { name: string; uid: number };
  dataDirectory: string;
}

/** @param named what the warning calls it: `file /x/prng_exch`, `table btree:/x/scache`. */
function redirectPath(
  path: string,
  named: string,
  settings: RedirectSettings,
  log: Logger,
): string {
  const directory = dirname(path);
  const ownerUid = statSync(directory, { throwIfNoEntry: false, bigint: false });
  if (ownerUid === undefined || ownerUid.uid === settings.mailOwner.uid) {
    return path;
  }
  const { name } = settings.mailOwner;
  log.warning(`request to update ${named} in non-${name} directory ${directory}`);
  log.warning(`redirecting the request to ${name}-owned data_directory ${settings.dataDirectory}`);
  return `${settings.dataDirectory}/${basename(path)}`;
}

function redirectExaminable(
  path: string,
  named: string,
  settings: RedirectSettings,
  log: Logger,
): string {
  try {
    return redirectPath(path, named, settings, log);
  } catch {
    // No permission on the way, or a path that no system call takes: whoever
    // opens it gets to know the reason.
    return path;
  }
}

/** The path that stands for `path`: itself, or the one in data_directory. */
export function redirectFile(path: string, settings: RedirectSettings, log: Logger): string {
  return redirectExaminable(path, `file ${path}`, settings, log);
}

/** @param table the parameter's value, `btree:/x/scache`, or a bare path. */
export function redirectTable(
  table: string,
  path: string,
  settings: RedirectSettings,
  log: Logger,
): string {
  return redirectExaminable(path, `table ${table}`, settings, log);
}
