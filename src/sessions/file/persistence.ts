/**
 * From an opened, locked cache file to a log that is kept in it. A file that is
 * ours and fits goes on being used and is read back; any other is to be put
 * aside by the caller, who can still rename.
 */
import { readSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import type { Logger } from '../../log/logger.ts';
import type { CacheKeys, FileKeys } from './cache-keys.ts';
import type { CircularLog } from '../memory/circular-log.ts';
import { FileMirror, type FileMirrorDependencies } from './file-mirror.ts';
import { hasMagic, type Manifest, newestManifest, slotsStart } from './manifest.ts';
import { readBack } from './read-back.ts';
import type { CacheLabel } from '../session-cache.ts';

/** New arrivals and slots are numbered well above what the last, unlisted, frames may have. */
const numbersSkipped = 1 << 24;

/**
 * @returns the manifest of the file; `empty` for one without content, `useless`
 * for one of ours of another format, cache or geometry, or damaged beyond use;
 * `foreign` for one that may be somebody else's.
 */
export function inspectFile(
  fd: number,
  label: CacheLabel,
  slotBytes: number,
): Manifest | 'empty' | 'useless' | 'foreign' {
  const front = Buffer.alloc(slotsStart);
  const length = readSync(fd, front, 0, front.length, 0);
  if (length === 0) {
    return 'empty';
  }
  const found = front.subarray(0, length);
  const manifest = newestManifest(found);
  if (manifest?.label === label && manifest.slotBytes === slotBytes) {
    return manifest;
  }
  return hasMagic(found) ? 'useless' : 'foreign';
}

export interface Persistent {
  mirror: FileMirror;
  /** Resolves when the file has been read back; never rejects. */
  loaded: Promise<void>;
}

/** A file that is still to be begun: what must be known of it while the keys are at hand. */
export interface NewFile {
  label: CacheLabel;
  fileId: Buffer;
  keys: FileKeys | undefined;
}

export function newFile(label: CacheLabel, keys: CacheKeys | undefined): NewFile {
  const fileId = randomBytes(8);
  return { label, fileId, keys: keys?.forFile(label, fileId) };
}

/** Keeps a log, and what it holds already, in an empty file. */
export function beginInFile(
  fd: number,
  log: CircularLog,
  { label, fileId, keys }: NewFile,
  dependencies: FileMirrorDependencies,
): FileMirror {
  const history = { fileId, generation: 0, epoch: 1, lastWriteNumber: 0 };
  const mirror = new FileMirror(label, fd, log, history, keys, dependencies);
  mirror.begin();
  return mirror;
}

/** @param found what inspectFile() said; with `empty` the file begins anew. */
export function keepInFile(
  label: CacheLabel,
  fd: number,
  log: CircularLog,
  found: Manifest | 'empty',
  cacheKeys: CacheKeys | undefined,
  dependencies: FileMirrorDependencies & { log: Logger },
): Persistent {
  if (found === 'empty') {
    const mirror = beginInFile(fd, log, newFile(label, cacheKeys), dependencies);
    return { mirror, loaded: Promise.resolve() };
  }
  const { fileId } = found;
  const keys = cacheKeys?.forFile(label, fileId);
  const history = {
    fileId,
    generation: found.generation,
    epoch: found.epoch + 1,
    lastWriteNumber: found.lastWriteNumber + numbersSkipped,
  };
  const mirror = new FileMirror(label, fd, log, history, keys, dependencies);
  log.time.continueFrom(found.writtenAt);
  log.startArrivalsAfter(found.lastArrival + numbersSkipped);
  mirror.unread.expect(found.entries);
  return { mirror, loaded: readBack(found, { fd, log, mirror, keys, logger: dependencies.log }) };
}
