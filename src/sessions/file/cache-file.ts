/**
 * Opens or creates the file of a session cache. This is done as mail_owner and
 * before the chroot. The file has mode 0600 and stays locked for as long as the
 * process lives. From then on only the descriptor is used, not the path.
 *
 * - An earlier process may still be writing to the file. Then opening it throws
 *   LockHeld, and the caller may try again. Nothing waits here.
 * - If the cache is persistent, its file is kept and read back later. A file of
 *   another format or another cache, or one that is damaged beyond use, is
 *   overwritten and removed, and a new one is made. A file that may be somebody
 *   else's is renamed to `.old` instead.
 * - If the cache isn't persistent, its file gets a manifest without entries, as
 *   nobody would read the sessions back. Sessions that an earlier, persistent
 *   cache has left in it are overwritten.
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
import type { CacheName } from '../../config/cache-names.ts';

/** Added to the name in main.cf, as other programs make databases with that name. */
export const fileSuffix = '.tlsmgr';
/** Added to the name of a file that was found at our path and may be somebody else's. */
export const asideSuffix = '.old';

export interface PreparedFile {
  fd: number;
  /** The manifest of the file, or that it has no content; undefined if the cache isn't persistent. */
  content: Manifest | 'empty' | undefined;
}

export interface OpenOptions {
  persistent: boolean;
  log: Logger;
  /** Told device and inode of the file. Throws FatalError if another cache uses it. */
  claim: (identity: string) => void;
}

/** Another process has locked the file. It may be an earlier one that is still saving its sessions. */
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
      // The process that had it locked may have renamed or removed it meanwhile.
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

function emptyManifest(label: CacheName, slotBytes: number): Buffer {
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
  label: CacheName;
  sizeLimitBytes: number;
}

/** Uses a file, and closes it if that throws. */
function orClose<T>(fd: number, use: () => T): T {
  try {
    return use();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Removes a file that is of no use. @returns the descriptor of an empty file in its place. */
function renew(fd: number, path: string, options: OpenOptions): number {
  try {
    unlinkSync(path);
  } catch (error) {
    // We may not write to its folder.
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

/**
 * @param path with the suffix.
 * Throws LockHeld, what `claim` throws, or for any other fault TlsmgrError
 * `STORAGE`, whose message is meant for the log.
 */
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
