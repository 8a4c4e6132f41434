/**
 * Connects a log with its open, locked file. A file that is ours and fits the
 * cache is read back and used on. What becomes of any other file is decided by the
 * caller, who may still rename or remove it (cache-file.ts).
 */
import { readSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import type { Logger } from '../../log/logger.ts';
import type { CacheKeys, FileKeys } from './cache-keys.ts';
import type { CircularLog } from '../memory/circular-log.ts';
import { FileMirror, type FileMirrorDependencies } from './file-mirror.ts';
import { hasMagic, type Manifest, newestManifest, slotsStart } from './manifest.ts';
import { readBack } from './read-back.ts';
import type { CacheName } from '../../config/cache-names.ts';

/**
 * New arrival and write numbers begin so far above those of the manifest. Frames
 * that were written after the manifest have numbers in between.
 */
const numbersSkipped = 1 << 24;

/**
 * @returns the manifest of a file that fits the cache; `empty` for a file without
 * content; `useless` for a file of ours of another format, cache or slot size, or
 * one that is damaged beyond use; `foreign` for one that may be somebody else's.
 */
export function inspectFile(
  fd: number,
  label: CacheName,
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

/** A file that is begun later. Its keys are derived now, as the keys of the key file are wiped soon. */
export interface NewFile {
  label: CacheName;
  fileId: Buffer;
  keys: FileKeys | undefined;
}

export function newFile(label: CacheName, keys: CacheKeys | undefined): NewFile {
  const fileId = randomBytes(8);
  return { label, fileId, keys: keys?.forFile(label, fileId) };
}

/** Keeps a log in an empty file, with all records that it holds already. */
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

/** @param found what inspectFile() returned. */
export function keepInFile(
  label: CacheName,
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
