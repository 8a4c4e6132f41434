/**
 * The file of a session cache: opened or created as mail_owner before the
 * chroot, mode 0600, locked for as long as the process lives, and reached by
 * its descriptor alone from then on.
 *
 * The process before us may still be writing its last entries, so the lock is
 * tried for some seconds.
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync } from 'node:fs';
import { TlsmgrError } from '../errors.ts';
import { reasonOf, tryLock } from '../system/calls.ts';

/** Keeps our files apart from the databases that other programs make of the same name. */
export const fileSuffix = '.tlsmgr';

const lockPatienceMs = 5000;
const lockPauseMs = 20;

export interface OpenFile {
  fd: number;
  path: string;
  /** Device and inode: the same for two names of one file. */
  identity: string;
}

/** Throws TlsmgrError `STORAGE` with the text for the log. */
export function openCacheFile(path: string): OpenFile {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch (error) {
    throw new TlsmgrError('STORAGE', `open database ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) {
      throw new TlsmgrError('STORAGE', `open database ${path}: not a regular file`);
    }
    fchmodSync(fd, 0o600);
    return { fd, path, identity: `${status.dev}:${status.ino}` };
  } catch (error) {
    closeSync(fd);
    if (error instanceof TlsmgrError) {
      throw error;
    }
    throw new TlsmgrError('STORAGE', `open database ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Waits, some seconds at most. Throws TlsmgrError `STORAGE` when another process keeps it. */
export function lockCacheFile(file: OpenFile, patienceMs: number = lockPatienceMs): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; ; waitedMs += lockPauseMs) {
    if (tryLock(file.fd)) {
      return;
    }
    if (waitedMs >= patienceMs) {
      throw new TlsmgrError('STORAGE', `unable to get exclusive lock: ${file.path}`);
    }
    Atomics.wait(pause, 0, 0, lockPauseMs);
  }
}
