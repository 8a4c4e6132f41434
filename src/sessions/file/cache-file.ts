/**
 * The file of a session cache: opened or created as mail_owner before the
 * chroot, mode 0600, locked for as long as the process lives, and reached by
 * its descriptor alone from then on.
 *
 * - The process before us may still be writing its last entries: LockHeld says
 *   so, and whoever opens the file tries again. Nothing waits here.
 * - Of a cache that isn't persistent the file is a manifest without entries:
 *   sessions that nobody will read back don't belong on a disk.
 *   What an earlier, persistent one has left there is overwritten.
 * - A persistent cache goes on with its file. One of another format, another
 *   cache, or damaged beyond use, is overwritten, removed and made anew; what
 *   may be somebody else's is renamed to `.old` instead.
 */
import {
  closeSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { FatalError, TlsmgrError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { reasonOf, tryLock } from '../../system/calls.ts';
import { openOwnFile } from '../../system/safe-open.ts';
import { geometryOf } from './geometry.ts';
import { encodeManifest, type Manifest } from './manifest.ts';
import { overwriteAndClose } from './overwrite.ts';
import { inspectFile } from './persistence.ts';
import type { CacheLabel } from '../session-cache.ts';

/** Keeps our files apart from the databases that other programs make of the same name. */
export const fileSuffix = '.tlsmgr';
/** For what stood at our path and may be somebody else's. */
export const asideSuffix = '.old';

export interface PreparedFile {
  fd: number;
  /** What to go on from; undefined for a cache that isn't persistent. */
  content: Manifest | 'empty' | undefined;
}

export interface OpenOptions {
  persistent: boolean;
  log: Logger;
  /** Told device and inode of the file, and throws FatalError if it is taken. */
  claim: (identity: string) => void;
}

/** Another process has the file: it may still be saving. */
export class LockHeld extends TlsmgrError {
  constructor(path: string) {
    super('STORAGE', `unable to get exclusive lock: ${path}`);
  }
}

/** Opens and locks what is at the path, creating it. */
function openLocked(path: string, options: OpenOptions): number {
  for (;;) {
    const fd = openOwnFile(path, { create: true, followRootsLink: false });
    try {
      const status = fstatSync(fd);
      const identity = `${status.dev}:${status.ino}`;
      options.claim(identity);
      if (!tryLock(fd)) {
        throw new LockHeld(path);
      }
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

interface Cache {
  label: CacheLabel;
  sizeLimitBytes: number;
}

/** Closes the file when nothing comes of it. */
function orClose<T>(fd: number, use: () => T): T {
  try {
    return use();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Takes a file of no use off the disk. @returns an empty one in its place. */
function renew(fd: number, path: string, options: OpenOptions): number {
  try {
    unlinkSync(path);
  } catch (error) {
    // Its folder isn't ours to write to.
    options.log.warning(`cannot remove ${path}: ${reasonOf(error)}; it is cut to nothing instead`);
    orClose(fd, () => ftruncateSync(fd, 0));
    return fd;
  }
  void overwriteAndClose(fd, path, options.log);
  return openLocked(path, options);
}

function preparePersistent(path: string, cache: Cache, options: OpenOptions): PreparedFile {
  const fd = openLocked(path, options);
  const content = orClose(fd, () => {
    const { slotBytes } = geometryOf(cache.sizeLimitBytes);
    return inspectFile(fd, cache.label, slotBytes);
  });
  const what = `${path} is not, or no longer, a file of this ${cache.label} cache`;
  switch (content) {
    case 'useless':
      options.log.warning(`${what}: overwritten and removed`);
      return { fd: renew(fd, path, options), content: 'empty' };
    case 'foreign': {
      const fresh = orClose(fd, () => {
        renameSync(path, path + asideSuffix);
        options.log.warning(`${what}: renamed to ${path}${asideSuffix}`);
        return openLocked(path, options);
      });
      closeSync(fd);
      return { fd: fresh, content: 'empty' };
    }
    default:
      return { fd, content };
  }
}

function prepareHeader(path: string, cache: Cache, options: OpenOptions): PreparedFile {
  const header = emptyManifest(cache.label, geometryOf(cache.sizeLimitBytes).slotBytes);
  const found = openLocked(path, options);
  const hasMore = orClose(found, () => fstatSync(found).size > header.length);
  if (hasMore) {
    options.log.info(`${path}: sessions of a persistent cache are overwritten and removed`);
  }
  const fd = hasMore ? renew(found, path, options) : found;
  orClose(fd, () => writeSync(fd, header, 0, undefined, 0));
  return { fd, content: undefined };
}

/** Throws TlsmgrError `STORAGE` with the text for the log, LockHeld, FatalError from claim(). */
export function openCacheFile(path: string, cache: Cache, options: OpenOptions): PreparedFile {
  try {
    return options.persistent
      ? preparePersistent(path, cache, options)
      : prepareHeader(path, cache, options);
  } catch (error) {
    if (error instanceof FatalError) {
      throw error;
    }
    if (error instanceof LockHeld) {
      throw error;
    }
    throw new TlsmgrError('STORAGE', `open database ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}
