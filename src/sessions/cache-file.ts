/**
 * The file of a session cache: opened or created as mail_owner before the
 * chroot, mode 0600, locked for as long as the process lives, and reached by
 * its descriptor alone from then on.
 *
 * - The process before us may still be writing its last entries, so the lock is
 *   tried for some seconds.
 * - Of a cache that isn't persistent the file is a manifest without entries:
 *   sessions that nobody will read back don't belong on a disk.
 * - A persistent cache goes on with its file. One of another format, another
 *   cache, or damaged beyond use, is renamed to `.old` and a new one made.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { FatalError, TlsmgrError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { reasonOf, tryLock } from '../system/calls.ts';
import { geometryOf } from './geometry.ts';
import { encodeManifest, type Manifest } from './manifest.ts';
import { inspectFile } from './persistence.ts';
import type { CacheLabel } from './session-cache.ts';

/** Keeps our files apart from the databases that other programs make of the same name. */
export const fileSuffix = '.tlsmgr';
const asideSuffix = '.old';

const usualLockPatienceMs = 5000;
const lockPauseMs = 20;

export interface PreparedFile {
  fd: number;
  /** What to go on from; undefined for a cache that isn't persistent. */
  content: Manifest | 'empty' | undefined;
}

export interface OpenOptions {
  persistent: boolean;
  /** How long to wait for the lock, in milliseconds. */
  lockPatienceMs: number | undefined;
  log: Logger;
  /** Told device and inode of the file, and throws FatalError if it is taken. */
  claim: (identity: string) => void;
}

function lock(fd: number, path: string, patienceMs: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; ; waitedMs += lockPauseMs) {
    if (tryLock(fd)) {
      return;
    }
    if (waitedMs >= patienceMs) {
      throw new TlsmgrError('STORAGE', `unable to get exclusive lock: ${path}`);
    }
    Atomics.wait(pause, 0, 0, lockPauseMs);
  }
}

/** Opens and locks what is at the path, creating it. */
function openLocked(path: string, options: OpenOptions): number {
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      const status = fstatSync(fd);
      if (!status.isFile()) {
        throw new TlsmgrError('STORAGE', 'not a regular file');
      }
      const identity = `${status.dev}:${status.ino}`;
      options.claim(identity);
      lock(fd, path, options.lockPatienceMs ?? usualLockPatienceMs);
      // Whoever held it may have put it aside meanwhile.
      const named = statSync(path, { throwIfNoEntry: false });
      if (named?.ino === status.ino && named.dev === status.dev) {
        fchmodSync(fd, 0o600);
        return fd;
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    closeSync(fd);
  }
}

function emptyManifest(label: CacheLabel, slotBytes: number): Buffer {
  return encodeManifest({
    label,
    slotBytes,
    generation: 1,
    epoch: 0,
    lastArrival: 0,
    lastWriteNumber: 0,
    fileId: randomBytes(8),
    writtenAt: { cacheSeconds: 0, wallSeconds: 0 },
    entries: [],
  });
}

function prepare(
  path: string,
  cache: { label: CacheLabel; sizeLimitBytes: number },
  options: OpenOptions,
): PreparedFile {
  const fd = openLocked(path, options);
  try {
    const { slotBytes } = geometryOf(cache.sizeLimitBytes);
    if (!options.persistent) {
      ftruncateSync(fd, 0);
      writeSync(fd, emptyManifest(cache.label, slotBytes), 0, undefined, 0);
      return { fd, content: undefined };
    }
    const content = inspectFile(fd, cache.label, slotBytes);
    if (content !== 'foreign') {
      return { fd, content };
    }
    renameSync(path, path + asideSuffix);
    options.log.warning(
      `${path} is not, or no longer, a file of this ${cache.label} cache: ` +
        `renamed to ${path}${asideSuffix}`,
    );
    const fresh = openLocked(path, options);
    closeSync(fd);
    return { fd: fresh, content: 'empty' };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Throws TlsmgrError `STORAGE` with the text for the log, FatalError from claim(). */
export function openCacheFile(
  path: string,
  cache: { label: CacheLabel; sizeLimitBytes: number },
  options: OpenOptions,
): PreparedFile {
  try {
    return prepare(path, cache, options);
  } catch (error) {
    if (error instanceof FatalError) {
      throw error;
    }
    if (error instanceof TlsmgrError && error.message.startsWith('unable')) {
      throw error;
    }
    throw new TlsmgrError('STORAGE', `open database ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}
