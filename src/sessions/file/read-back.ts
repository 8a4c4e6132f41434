/**
 * Reads a cache file back while requests are served, one slot in each turn of
 * the event loop. The newest slot comes first: its sessions are the most likely
 * to be asked for. When the cache is full, the rest isn't read. An id that is in
 * the cache already is newer than any copy of it in the file.
 *
 * What is damaged is left out (frames.ts). A start never fails because of it.
 */
import { read } from 'node:fs';
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';
import type { FileKeys } from './cache-keys.ts';
import type { CircularLog } from '../memory/circular-log.ts';
import type { FileMirror } from './file-mirror.ts';
import { readSlot } from './frames.ts';
import { type Manifest, type ManifestEntry, slotsStart } from './manifest.ts';

export interface ReadBackParts {
  fd: number;
  log: CircularLog;
  mirror: FileMirror;
  keys: FileKeys | undefined;
  logger: Logger;
}

interface Damage {
  slots: number;
  reason: string;
}

/** @returns the bytes read, or why there are none. */
function readAt(fd: number, target: Buffer, position: number): Promise<number | Error> {
  return new Promise((resolve) => {
    read(fd, target, 0, target.length, position, (error, count) => {
      resolve(error ?? count);
    });
  });
}

/** Moves the content of a slot to the log. @returns false if something of it was lost. */
function takeSlot(
  bytes: Buffer,
  entry: ManifestEntry,
  manifest: Manifest,
  { log, mirror, keys }: ReadBackParts,
): boolean {
  const { unread } = mirror;
  const { fileId } = manifest;
  const content = readSlot(bytes, { ...entry, fileId }, keys);
  if (content === undefined) {
    unread.drop(entry.slot);
    return false;
  }
  const deletedMeanwhile: number[] = [];
  const { segment, rejected } = log.readBack(content.records, (arrival, id) => {
    if (content.deaths.has(arrival)) {
      return true;
    }
    if (unread.wasDeleted(id)) {
      deletedMeanwhile.push(arrival);
      return true;
    }
    return false;
  });
  if (segment === undefined) {
    unread.drop(entry.slot);
  } else if (unread.adopt(entry, segment, content, [...rejected, ...deletedMeanwhile])) {
    mirror.changed(segment);
  }
  log.settle();
  return !content.damaged;
}

/** Resolves when all is read that is of use. Never rejects. */
export async function readBack(manifest: Manifest, parts: ReadBackParts): Promise<void> {
  const { fd, log, mirror, logger } = parts;
  const newestFirst = manifest.entries.toSorted((a, b) => b.lastArrival - a.lastArrival);
  const damage: Damage = { slots: 0, reason: 'damaged, cut short, or sealed with another key' };
  // The next slot is being read while the records of this one go to the log.
  let buffer = Buffer.allocUnsafeSlow(manifest.slotBytes);
  let other = Buffer.allocUnsafeSlow(manifest.slotBytes);
  const start = (entry: ManifestEntry | undefined, target: Buffer): Promise<number | Error> =>
    entry === undefined
      ? Promise.resolve(0)
      : readAt(fd, target, slotsStart + entry.slot * manifest.slotBytes);
  let reading = start(newestFirst[0], buffer);
  for (const [index, entry] of newestFirst.entries()) {
    const count = await reading;
    if (mirror.unread.state !== 'reading' || log.isFull) {
      break;
    }
    reading = start(newestFirst[index + 1], other);
    if (typeof count !== 'number') {
      damage.reason = reasonOf(count);
    }
    const length = typeof count === 'number' ? count : 0;
    if (!takeSlot(buffer.subarray(0, length), entry, manifest, parts)) {
      damage.slots += 1;
    }
    [buffer, other] = [other, buffer];
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  await reading;
  buffer.fill(0);
  other.fill(0);
  if (mirror.unread.state === 'closed') {
    return;
  }
  mirror.readingEnded();
  if (damage.slots > 0) {
    logger.warning(
      `${manifest.label} TLS session cache: ${damage.slots} of ${newestFirst.length} parts ` +
        `of its file lost in whole or in part: ${damage.reason}`,
    );
  }
}
