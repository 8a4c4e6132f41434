/**
 * Who may do what with a path, told from owners and modes alone: for a user
 * that this process is not, and without opening anything. Access control lists
 * are not looked at. A path that isn't there, or can't be examined, is no
 * answer: undefined.
 */
import { lstatSync, realpathSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

export interface Identity {
  uid: number;
  gid: number;
}

/** Nobody in particular: neither owner nor group of anything. */
export const anybody: Identity = { uid: -1, gid: -1 };

const bits = { read: 4, write: 2, execute: 1 } as const;

export type Right = keyof typeof bits;

/** The part of a path that keeps a user from it: itself, or a directory above. */
export function whatForbids(path: string, who: Identity, right: Right): string | undefined {
  const blocking = foldersAbove(path).find((folder) => !may(folder, who, 'execute'));
  return blocking ?? (may(path, who, right) ? undefined : path);
}

/** The part of a path that somebody other than root could replace, and why. */
export function replaceableBy(path: string): { part: string; reason: string } | undefined {
  for (const part of new Set([...chainOf(path), ...chainOf(resolved(path))])) {
    const found = examine(part);
    if (found === undefined) {
      continue;
    }
    if (found.uid !== 0) {
      return { part, reason: `belongs to user ${found.uid}, not to root` };
    }
    // Groups are trusted: Debian gives /usr/local to one of administrators. In a
    // directory with the sticky bit only owners replace files.
    const sticky = found.isDirectory() && (found.mode & 0o1000) !== 0;
    if ((found.mode & 0o002) !== 0 && !sticky) {
      return { part, reason: 'may be written by everybody' };
    }
  }
  return undefined;
}

/** What stat(2) says; undefined when the path leads nowhere or can't be examined. */
export function examine(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // No permission on the way, or a name that no system call takes.
    return undefined;
  }
}

/**
 * Why the daemon would not write to a file of its own, but for its owner; see
 * src/system/safe-open.ts. Undefined when it would, or when there is none.
 */
export function whyNotWritten(
  path: string,
  mayLink: (owner: number) => boolean,
): string | undefined {
  let link: Stats | undefined;
  try {
    link = lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Out of reach, as for examine().
    return undefined;
  }
  if (link?.isSymbolicLink() === true && !mayLink(link.uid)) {
    return 'is a symbolic link';
  }
  const found = examine(path);
  if (found?.isFile() === false) {
    return 'is no regular file';
  }
  return found !== undefined && found.nlink > 1 ? `has ${found.nlink} hard links` : undefined;
}

function may(path: string, { uid, gid }: Identity, right: Right): boolean {
  const found = examine(path);
  if (found === undefined || uid === 0) {
    return true;
  }
  const shift = found.uid === uid ? 6 : found.gid === gid ? 3 : 0;
  return ((found.mode >> shift) & bits[right]) !== 0;
}

function foldersAbove(path: string): string[] {
  return chainOf(path).slice(0, -1);
}

/** `/`, `/a`, `/a/b`. */
function chainOf(path: string): string[] {
  const above = dirname(path);
  return above === path ? [path] : [...chainOf(above), path];
}

function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Not there: whoever looks for it says so.
    return path;
  }
}
