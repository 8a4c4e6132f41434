/**
 * Finds the path that a file of tlsmgr really gets. When the directory doesn't
 * belong to mail_owner, the file moves to data_directory. It keeps the last
 * part of its path, and two warnings are logged. When the directory can't be
 * examined, the path stays as it is. Cache files and the exchange file use
 * this. It works on names only and opens nothing.
 *
 * Behaviour: Postfix src/global/data_redirect.c.
 */
import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Gets the two warnings of a redirection. Every logger is one. */
export interface RedirectWarnings {
  warning(text: string): void;
}

export interface RedirectSettings {
  mailOwner: { name: string; uid: number };
  dataDirectory: string;
}

/** @param named what the warning calls the file: `file /x/prng_exch`, `table btree:/x/scache`. */
function redirectPath(
  path: string,
  named: string,
  settings: RedirectSettings,
  log: RedirectWarnings,
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
  log: RedirectWarnings,
): string {
  try {
    return redirectPath(path, named, settings, log);
  } catch {
    // A directory on the way can't be searched, or no system call takes the
    // path. Opening the file will fail for the same reason and report it.
    return path;
  }
}

/** @returns the path to use for `path`: the same, or the one in data_directory. */
export function redirectFile(
  path: string,
  settings: RedirectSettings,
  log: RedirectWarnings,
): string {
  return redirectExaminable(path, `file ${path}`, settings, log);
}

/** @param table the parameter's value, `btree:/x/scache`, or a bare path. */
export function redirectTable(
  table: string,
  path: string,
  settings: RedirectSettings,
  log: RedirectWarnings,
): string {
  return redirectExaminable(path, `table ${table}`, settings, log);
}
