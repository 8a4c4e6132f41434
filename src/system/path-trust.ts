/**
 * Checks that nobody else can have made the file at a path. Each directory and
 * link on the way, and the file itself, must belong to the caller or to root.
 * Nobody else may be able to write to the directories. Owners and modes are
 * checked; access control lists are not. `tlsmgr serve` makes its socket by these
 * rules, and verbs trust a socket by the same rules.
 */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { reasonOf } from './calls.ts';

interface Caller {
  uid: number;
  gid: number;
}

/** The ids of this process. */
export function thisCaller(): Caller {
  return { uid: process.geteuid!(), gid: process.getegid!() };
}

/** The kernel follows this many links. */
const mostLinks = 40;

/**
 * @param missing whether a file that isn't there, or can't be examined, is a fault too.
 * @returns the part of the path that can't be trusted, and why; undefined when there is none.
 */
export function strangerOn(
  path: string,
  caller: Caller,
  missing: 'fault' | 'fine' = 'fault',
): string | undefined {
  const todo = partsOf(resolve(path));
  let at = '/';
  let links = 0;
  for (;;) {
    let found: Stats;
    let target: string | undefined;
    try {
      found = lstatSync(at);
      target = found.isSymbolicLink() ? readlinkSync(at) : undefined;
    } catch (thrown) {
      return missing === 'fine' ? undefined : `${at}: ${reasonOf(thrown)}`;
    }
    const fault = faultOf(found, caller);
    if (fault !== undefined) {
      return `${at} ${fault}`;
    }
    if (target !== undefined) {
      links += 1;
      if (links > mostLinks) {
        return `${at}: too many symbolic links`;
      }
      todo.unshift(...partsOf(target));
      at = target.startsWith('/') ? '/' : dirname(at);
    }
    const part = todo.shift();
    if (part === undefined) {
      return undefined;
    }
    at = join(at, part);
  }
}

function faultOf(found: Stats, { uid, gid }: Caller): string | undefined {
  if (found.uid !== 0 && found.uid !== uid) {
    return `belongs to user ${found.uid}`;
  }
  // Who may write to a directory may replace its files; with the sticky bit, only their own files.
  if (!found.isDirectory() || (found.mode & 0o1000) !== 0) {
    return undefined;
  }
  if ((found.mode & 0o002) !== 0) {
    return 'may be written by everybody';
  }
  const isOwnGroup = found.gid === 0 || found.gid === gid;
  return (found.mode & 0o020) !== 0 && !isOwnGroup
    ? `may be written by group ${found.gid}`
    : undefined;
}

/** Keeps each `..` of a link's target. join() would remove it together with the part before it. */
function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
