/**
 * Opens files in places where somebody else may have put another file. The file
 * is checked through the opened descriptor, before it is read, truncated or
 * written, or its mode is changed. Nothing here waits for a FIFO.
 *
 * - A file that we write must be a regular file with one name, and must belong
 *   to us or to root. Otherwise a link could make us overwrite another file.
 * - A file that we only read must be of one of the wanted kinds.
 * - The last part of a path may be a symbolic link only when the link's owner
 *   could do the same without us. That is root; for files that are only read it
 *   is the caller too.
 *
 * A file that breaks a rule throws UnsafeFileError. Other failures throw the
 * error of open(2).
 *
 * Behaviour: Postfix src/util/safe_open.c.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } =
  constants;

const kinds = {
  'regular file': (status: Stats) => status.isFile(),
  'character device': (status: Stats) => status.isCharacterDevice(),
  FIFO: (status: Stats) => status.isFIFO(),
} as const;

export type FileKind = keyof typeof kinds;

/** The file breaks a rule. The message is the reason, without the path. */
export class UnsafeFileError extends Error {
  override readonly name = 'UnsafeFileError';
}

export interface OwnFileOptions {
  /** Whether to make the file, with mode 0600, if there is none. */
  create: boolean;
  /** Whether root may have put a symbolic link at the path. */
  followRootsLink: boolean;
}

/** Opens a file of ours for reading and writing. Its mode stays as it is. */
export function openOwnFile(path: string, options: OwnFileOptions): number {
  const flags = O_RDWR | (options.create ? O_CREAT : 0);
  const fd = open(path, flags, options.followRootsLink ? [0] : []);
  return checked(fd, (status) => {
    requireKind(status, ['regular file']);
    if (status.nlink > 1) {
      throw new UnsafeFileError(`file has ${status.nlink} hard links`);
    }
    if (!trusted().includes(status.uid)) {
      throw new UnsafeFileError(`file belongs to user ${status.uid}`);
    }
  });
}

/** @param reader the user with whose rights the file is read. */
export function openForReading(
  path: string,
  wanted: readonly FileKind[],
  reader = process.geteuid!(),
): number {
  return checked(open(path, O_RDONLY, [0, reader]), (status) => requireKind(status, wanted));
}

/** Owner and mode of a file that is written anew. The owner is the caller if none is given. */
export interface FileOwner {
  mode: number;
  uid?: number;
  gid?: number;
}

/**
 * Makes a file that isn't there yet, whole and on the disk, or none. Throws `EEXIST`
 * when there is one, also a link.
 */
export function createFile(path: string, content: string | Buffer, owner: FileOwner): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    try {
      writeFileSync(fd, content);
      if (owner.uid !== undefined && owner.gid !== undefined) {
        fchownSync(fd, owner.uid, owner.gid);
      }
      fchmodSync(fd, owner.mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    rmSync(path, { force: true });
    throw thrown;
  }
  syncFolderOf(path);
}

/** Replaces the file at the path in one step, so that nobody reads a part of it. */
export function replaceFile(path: string, content: string | Buffer, owner: FileOwner): void {
  const fresh = `${path}.tlsmgr-new`;
  rmSync(fresh, { force: true });
  createFile(fresh, content, owner);
  try {
    renameSync(fresh, path);
  } catch (thrown) {
    rmSync(fresh, { force: true });
    throw thrown;
  }
  syncFolderOf(path);
}

/** So that the file has its name after a power failure, too. */
function syncFolderOf(path: string): void {
  const fd = openSync(dirname(path), O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Who may own a file of ours. */
function trusted(): number[] {
  return [0, process.geteuid!()];
}

function open(path: string, flags: number, linkOwners: readonly number[]): number {
  try {
    return openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ELOOP')) {
      throw thrown;
    }
  }
  const link = lstatSync(path);
  if (!linkOwners.includes(link.uid)) {
    throw new UnsafeFileError('file is a symbolic link');
  }
  const fd = openSync(path, (flags & ~O_CREAT) | O_NONBLOCK);
  return checked(fd, () => {
    const now = lstatSync(path);
    if (now.dev !== link.dev || now.ino !== link.ino) {
      throw new UnsafeFileError('file status changed unexpectedly');
    }
  });
}

/** @returns the descriptor. When the file breaks a rule, it is closed and UnsafeFileError is thrown. */
function checked(fd: number, check: (status: Stats) => void): number {
  try {
    check(fstatSync(fd));
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

function requireKind(status: Stats, wanted: readonly FileKind[]): void {
  if (!wanted.some((kind) => kinds[kind](status))) {
    throw new UnsafeFileError(`not a ${wanted.join(' or ')}`);
  }
}
