/**
 * Checks that nobody else can have put the file at a path there. Each directory
 * and link on the way, and the file itself, must belong to the caller or to
 * root, and nobody else may write to the directories. Owners and modes are
 * checked; access control lists are not. `tlsmgr serve` makes its socket by the
 * same rules by which a verb trusts one.
 */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { reasonOf } from './calls.ts';

interface Caller {
  uid: number;
  gid: number;
}

/** Who asks: this process. */
export function thisCaller(): Caller {
  return { uid: process.geteuid!(), gid: process.getegid!() };
}

/** As many links as the kernel follows. */
const mostLinks = 40;

/**
 * @param missing whether what isn't there, or can't be looked at, is a fault too.
 * @returns the part of the path that isn't to be trusted, and why; undefined when all is.
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
  // Who may write a directory replaces what is in it; with the sticky bit, only what is their own.
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

/** A `..` of a link's target stays: join() takes it away together with what it leaves. */
function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
