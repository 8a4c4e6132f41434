/**
 * Who may connect to the socket of `tlsmgr serve`: its mode and group, and
 * whether the folders on the way let them through. connect(2) needs the right
 * to write to the socket, and the right to search each folder above it.
 */
import { chmodSync, lchownSync, mkdirSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { FatalError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';

export interface SocketAccess {
  /** Permission bits; the owner may read and write. */
  mode: number;
  /** Undefined: that of the process. */
  group: { name: string; gid: number } | undefined;
}

export const ownerOnly: SocketAccess = { mode: 0o600, group: undefined };

const groupMayWrite = 0o020;
const othersMayWrite = 0o002;
const groupMaySearch = 0o010;
const othersMaySearch = 0o001;
const ownFolderMode = 0o700;

/** Throws FatalError when the group can't be given, as to whoever is neither root nor a member. */
export function applyAccess(path: string, { mode, group }: SocketAccess): void {
  try {
    if (group !== undefined) {
      lchownSync(path, -1, group.gid);
    }
    chmodSync(path, mode);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const reason =
      group !== undefined && code === 'EPERM'
        ? `only root and members of group ${group.name} can give it to a file`
        : reasonOf(thrown);
    throw new FatalError(`who may connect to ${path} can't be set: ${reason}`, { cause: thrown });
  }
}

/**
 * Makes the folder, and those above it that are missing. They let through whoever
 * may connect, and let nobody else read or write. Throws FatalError.
 */
export function makeFolder(folder: string, access: SocketAccess): void {
  let first: string | undefined;
  try {
    first = mkdirSync(folder, { recursive: true, mode: ownFolderMode });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const reason =
      code === 'EEXIST' || code === 'ENOTDIR' ? 'a file stands in its place' : reasonOf(thrown);
    throw new FatalError(`folder ${folder} can't be made: ${reason}`, { cause: thrown });
  }
  const mode =
    ownFolderMode |
    ((access.mode & groupMayWrite) === 0 ? 0 : groupMaySearch) |
    ((access.mode & othersMayWrite) === 0 ? 0 : othersMaySearch);
  if (first === undefined || mode === ownFolderMode) {
    return;
  }
  for (const made of parentsOf(folder)) {
    applyAccess(made, { ...access, mode });
    if (made === first) {
      return;
    }
  }
}

/** What keeps those out who may connect to the socket: the first folder on the way that does; undefined for none. */
export function closedFolder(path: string, access: SocketAccess): string | undefined {
  const gid = access.group?.gid ?? process.getegid!();
  return parentsOf(dirname(path))
    .toReversed()
    .find((folder) => {
      const found = statSync(folder);
      const forGroup = found.gid === gid ? groupMaySearch : othersMaySearch;
      return (
        ((access.mode & groupMayWrite) !== 0 && (found.mode & forGroup) === 0) ||
        ((access.mode & othersMayWrite) !== 0 && (found.mode & othersMaySearch) === 0)
      );
    });
}

/** `user alice and group web`. */
export function whoMayConnect({ mode, group }: SocketAccess): string {
  if (isOpenToAll({ mode })) {
    return 'every user';
  }
  const owner = `user ${userName()}`;
  return (mode & groupMayWrite) === 0
    ? owner
    : `${owner} and ${whoElseMayConnect({ mode, group })}`;
}

/** The same without the owner. */
export function whoElseMayConnect({ mode, group }: SocketAccess): string {
  return isOpenToAll({ mode }) ? 'other users' : `group ${group?.name ?? process.getegid!()}`;
}

export function isOpenToAll({ mode }: Pick<SocketAccess, 'mode'>): boolean {
  return (mode & othersMayWrite) !== 0;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in /etc/passwd, as in a container.
    return String(process.geteuid!());
  }
}

/** The folder itself, then the one above it, up to the root. */
function parentsOf(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...parentsOf(above)];
}
