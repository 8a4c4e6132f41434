/**
 * The manifest of a cache file lists the slots that are in use. There are two
 * copies at the front of the file, which are written in turn. The one that counts
 * is the valid one with the higher generation. Numbers are little-endian.
 *
 *     0    copy 0    262144 bytes
 *          copy 1    262144 bytes
 *          slots     slotBytes each (frames.ts)
 *
 *     copy:
 *     0    "tlsmgrSC"
 *     8    format version, 32 bits: 1, or 2 for a label of more than 8 bytes
 *     12   slotBytes, 32 bits
 *     16   version 1: cache label, filled up with NUL to 8 bytes
 *          version 2: bytes of the label, 32 bits, and 0, 32 bits
 *     24   generation of the manifest, double
 *     32   epoch: counts the processes that have used the file, double
 *     40   highest arrival number, double
 *     48   highest write number, double
 *     56   id of the file, 8 random bytes
 *     64   number of entries, 32 bits
 *     68   cache time at writing, 32 bits
 *     72   wall clock at writing, low and high half, 32 bits each
 *     80   entries of 32 bytes: slot, bytes in use (32 bits each), write
 *          number, last arrival number (doubles), frames, frames of deaths
 *          (32 bits each)
 *     then, in version 2, the label
 *     then CRC-32 of everything before, 32 bits
 *
 * A slot that isn't listed is free, whatever it holds. A slot becomes free as soon
 * as a manifest without it is written. A manifest without entries is written for a
 * cache that isn't persistent, and after a write that failed.
 */
import { crc32 } from '../../system/crc32.ts';
import { TlsmgrError } from '../../errors.ts';
import type { TimeMark } from '../memory/cache-time.ts';
import { mostSlots } from './geometry.ts';
import type { CacheName } from '../../config/cache-names.ts';

export const manifestBytes = 262_144;
/** Where slot 0 begins. */
export const slotsStart = 2 * manifestBytes;

const magic = 'tlsmgrSC';
const version = 1;
const versionOfLongLabels = 2;
const shortLabelBytes = 8;
const longestLabelBytes = 255;
const headBytes = 80;
const entryBytes = 32;

export interface ManifestEntry {
  slot: number;
  bytes: number;
  writeNumber: number;
  lastArrival: number;
  frames: number;
  deadFrames: number;
}

export interface Manifest {
  label: CacheName;
  slotBytes: number;
  generation: number;
  epoch: number;
  lastArrival: number;
  lastWriteNumber: number;
  fileId: Buffer;
  writtenAt: TimeMark;
  entries: ManifestEntry[];
}

/** Throws TlsmgrError `STORAGE` for a label that doesn't fit into the format. */
export function encodeManifest(manifest: Manifest): Buffer {
  const label = Buffer.from(manifest.label);
  if (label.length === 0 || label.length > longestLabelBytes || label.includes(0)) {
    throw new TlsmgrError('STORAGE', 'its name is empty, has a NUL, or is longer than 255 bytes');
  }
  const isLong = label.length > shortLabelBytes;
  const entriesEnd = headBytes + manifest.entries.length * entryBytes;
  const length = entriesEnd + (isLong ? label.length : 0);
  const bytes = Buffer.alloc(length + 4);
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt32LE(manifest.slotBytes, 12);
  if (isLong) {
    bytes.writeUInt32LE(versionOfLongLabels, 8);
    bytes.writeUInt32LE(label.length, 16);
    label.copy(bytes, entriesEnd);
  } else {
    bytes.writeUInt32LE(version, 8);
    label.copy(bytes, 16);
  }
  bytes.writeDoubleLE(manifest.generation, 24);
  bytes.writeDoubleLE(manifest.epoch, 32);
  bytes.writeDoubleLE(manifest.lastArrival, 40);
  bytes.writeDoubleLE(manifest.lastWriteNumber, 48);
  manifest.fileId.copy(bytes, 56);
  bytes.writeUInt32LE(manifest.entries.length, 64);
  bytes.writeUInt32LE(manifest.writtenAt.cacheSeconds, 68);
  bytes.writeUInt32LE(manifest.writtenAt.wallSeconds % halfRange, 72);
  bytes.writeUInt32LE(Math.floor(manifest.writtenAt.wallSeconds / halfRange), 76);
  let at = headBytes;
  for (const entry of manifest.entries) {
    bytes.writeUInt32LE(entry.slot, at);
    bytes.writeUInt32LE(entry.bytes, at + 4);
    bytes.writeDoubleLE(entry.writeNumber, at + 8);
    bytes.writeDoubleLE(entry.lastArrival, at + 16);
    bytes.writeUInt32LE(entry.frames, at + 24);
    bytes.writeUInt32LE(entry.deadFrames, at + 28);
    at += entryBytes;
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, length)), length);
  return bytes;
}

/** How many numbers there are of 32 bits. */
const halfRange = 2 ** 32;

/** A file with a later time isn't used: 32 bits must have room for all times that follow. */
const latestCacheSeconds = 2 ** 32 - 2 ** 30;

/** @returns undefined if it is damaged, of an unknown version, or of too late a time. */
export function decodeManifest(bytes: Buffer): Manifest | undefined {
  if (bytes.length < headBytes + 4 || bytes.toString('latin1', 0, 8) !== magic) {
    return undefined;
  }
  const found = bytes.readUInt32LE(8);
  if (found !== version && found !== versionOfLongLabels) {
    return undefined;
  }
  const count = bytes.readUInt32LE(64);
  const entriesEnd = headBytes + count * entryBytes;
  const labelBytes = found === version ? 0 : bytes.readUInt32LE(16);
  const length = entriesEnd + labelBytes;
  if (
    count > mostSlots ||
    labelBytes > longestLabelBytes ||
    length + 4 > bytes.length ||
    crc32(bytes.subarray(0, length)) !== bytes.readUInt32LE(length)
  ) {
    return undefined;
  }
  const cacheSeconds = bytes.readUInt32LE(68);
  if (cacheSeconds > latestCacheSeconds) {
    return undefined;
  }
  const entries: ManifestEntry[] = [];
  const slots = new Set<number>();
  for (let at = headBytes; at < entriesEnd; at += entryBytes) {
    const slot = bytes.readUInt32LE(at);
    if (slot >= mostSlots || slots.has(slot)) {
      return undefined;
    }
    slots.add(slot);
    entries.push({
      slot,
      bytes: bytes.readUInt32LE(at + 4),
      writeNumber: bytes.readDoubleLE(at + 8),
      lastArrival: bytes.readDoubleLE(at + 16),
      frames: bytes.readUInt32LE(at + 24),
      deadFrames: bytes.readUInt32LE(at + 28),
    });
  }
  return {
    label: labelIn(bytes, found === version ? [16, 24] : [entriesEnd, length]),
    slotBytes: bytes.readUInt32LE(12),
    generation: bytes.readDoubleLE(24),
    epoch: bytes.readDoubleLE(32),
    lastArrival: bytes.readDoubleLE(40),
    lastWriteNumber: bytes.readDoubleLE(48),
    fileId: Buffer.from(bytes.subarray(56, 64)),
    writtenAt: {
      cacheSeconds,
      wallSeconds: bytes.readUInt32LE(72) + bytes.readUInt32LE(76) * halfRange,
    },
    entries,
  };
}

function labelIn(bytes: Buffer, [start, end]: [number, number]): CacheName {
  return bytes.toString('utf8', start, end).replace(/\0+$/u, '');
}

/** Whether this is the front of a file of ours, of any version, even if the rest is damaged. */
export function hasMagic(copies: Buffer): boolean {
  return [0, manifestBytes].some(
    (start) => copies.toString('latin1', start, start + magic.length) === magic,
  );
}

/**
 * @param copies the front of a file, up to the first slot, or less if the file is shorter.
 * @returns the manifest that counts, undefined if neither is valid.
 */
export function newestManifest(copies: Buffer): Manifest | undefined {
  const first = decodeManifest(copies.subarray(0, manifestBytes));
  const second = decodeManifest(copies.subarray(manifestBytes, slotsStart));
  if (first === undefined || second === undefined) {
    return first ?? second;
  }
  return first.generation > second.generation ? first : second;
}
