/**
 * The content of a slot of a cache file: frames, one after the other. Each frame
 * is written in one piece. Numbers are little-endian, except for the words of a
 * record, which are in the byte order of this machine (segment.ts).
 *
 *     0    "TSMF", 32 bits
 *     4    kind: 1 records, 2 deaths
 *     8    bytes of the payload
 *     12   number of the frame in its slot, from 0
 *     16   write number of the slot's content, double
 *     24   id of the file, 8 bytes
 *     32   epoch of the process that wrote it, double
 *     40   frames of deaths before this one in the slot
 *     44   id of the key that seals the payload; 0: it is in the clear
 *     48   0
 *     56   CRC-32 of the payload
 *     60   CRC-32 of the 60 bytes before
 *     64   payload, filled up with NUL to a multiple of 8
 *
 * A frame of records has records as its payload. A frame of deaths has arrival
 * numbers, as doubles: those of records in earlier frames of the slot that were
 * replaced or deleted. A sealed payload is a nonce, the ciphertext and a tag; the
 * tag also authenticates the first 56 bytes of the header.
 *
 * A damaged frame is skipped. The frames after it are found by their magic. But
 * if a frame of deaths is missing, nobody knows which records of the slot were
 * deleted, and all of them are dropped.
 */
import { crc32 } from '../../system/crc32.ts';
import { type FileKeys, sealBytes } from './cache-keys.ts';
import { recordBytes, recordHeaderBytes, word, wordsOf } from '../memory/segment.ts';

export const frameHeaderBytes = 64;
/** A frame ends before the record that would make its payload longer than this. */
export const usualPayloadBytes = 65_536;

const magic = 0x464d5354;
const kindRecords = 1;
const kindDeaths = 2;
const authenticatedBytes = 56;

/** Where the next frame of a slot goes, and how many frames are before it. */
export interface SlotPosition {
  /** Tells this content of the slot from all contents that it had before. */
  writeNumber: number;
  slotBytes: number;
  frames: number;
  deadFrames: number;
}

/** What a frame belongs to, besides its slot. */
export interface FrameStamp {
  fileId: Buffer;
  epoch: number;
}

/** Appends frames to a buffer, which is then written to a slot in one piece. */
export class FrameBuilder {
  readonly #target: Buffer;
  readonly #keys: FileKeys | undefined;
  length = 0;

  constructor(target: Buffer, keys: FileKeys | undefined) {
    this.#target = target;
    this.#keys = keys;
  }

  get bytes(): Buffer {
    return this.#target.subarray(0, this.length);
  }

  /** Bytes that a payload of this size takes as a frame. */
  framed(payloadBytes: number): number {
    const sealed = this.#keys === undefined ? 0 : sealBytes;
    return frameHeaderBytes + ((payloadBytes + sealed + 7) & ~7);
  }

  /** Appends a frame and advances the position. @returns false if the buffer has no room; nothing has changed then. */
  add(
    kind: 'records' | 'deaths',
    payload: Buffer,
    position: SlotPosition,
    stamp: FrameStamp,
  ): boolean {
    const total = this.framed(payload.length);
    if (this.length + total > this.#target.length) {
      return false;
    }
    const frame = this.#target.subarray(this.length, this.length + total);
    const bodyBytes = payload.length + (this.#keys === undefined ? 0 : sealBytes);
    frame.writeUInt32LE(magic, 0);
    frame.writeUInt32LE(kind === 'records' ? kindRecords : kindDeaths, 4);
    frame.writeUInt32LE(bodyBytes, 8);
    frame.writeUInt32LE(position.frames, 12);
    frame.writeDoubleLE(position.writeNumber, 16);
    stamp.fileId.copy(frame, 24);
    frame.writeDoubleLE(stamp.epoch, 32);
    frame.writeUInt32LE(position.deadFrames, 40);
    frame.writeUInt32LE(this.#keys?.currentId ?? 0, 44);
    frame.fill(0, 48, authenticatedBytes);
    const body =
      this.#keys === undefined
        ? payload
        : this.#keys.seal(payload, frame.subarray(0, authenticatedBytes));
    body.copy(frame, frameHeaderBytes);
    frame.fill(0, frameHeaderBytes + bodyBytes);
    frame.writeUInt32LE(crc32(body), 56);
    frame.writeUInt32LE(crc32(frame.subarray(0, 60)), 60);
    this.length += total;
    position.slotBytes += total;
    position.frames += 1;
    position.deadFrames += kind === 'deaths' ? 1 : 0;
    return true;
  }
}

export interface ReadSlot {
  /** Whole records, one after the other, in the order in which they were written. */
  records: Buffer[];
  /** Arrival numbers of records that were replaced or deleted. */
  deaths: Set<number>;
  /** Where the next frame would go. */
  position: SlotPosition;
  /** Something is missing, or is sealed with another key than the current one. */
  wantsRewrite: boolean;
  /** Something that had been written is missing. */
  damaged: boolean;
}

export interface ExpectedSlot {
  fileId: Buffer;
  writeNumber: number;
  /** Bytes that are known to have been written. */
  bytes: number;
  /** Frames of deaths among them. */
  deadFrames: number;
  frames: number;
}

interface Frame {
  kind: number;
  number: number;
  deadBefore: number;
  keyId: number;
  epoch: number;
  end: number;
  /** Undefined: damaged, or sealed with an unknown key. */
  payload: Buffer | undefined;
}

function readFrame(
  slot: Buffer,
  at: number,
  expected: ExpectedSlot,
  keys: FileKeys | undefined,
): Frame | undefined {
  if (at + frameHeaderBytes > slot.length || slot.readUInt32LE(at) !== magic) {
    return undefined;
  }
  const header = slot.subarray(at, at + frameHeaderBytes);
  const bodyBytes = header.readUInt32LE(8);
  const end = at + frameHeaderBytes + Math.ceil(bodyBytes / 8) * 8;
  if (
    crc32(header.subarray(0, 60)) !== header.readUInt32LE(60) ||
    end > slot.length ||
    header.readDoubleLE(16) !== expected.writeNumber ||
    header.compare(expected.fileId, 0, 8, 24, 32) !== 0
  ) {
    return undefined;
  }
  const keyId = header.readUInt32LE(44);
  const body = slot.subarray(at + frameHeaderBytes, at + frameHeaderBytes + bodyBytes);
  let payload: Buffer | undefined;
  if (crc32(body) === header.readUInt32LE(56)) {
    payload = keyId === 0 ? body : keys?.open(keyId, body, header.subarray(0, authenticatedBytes));
  }
  return {
    kind: header.readUInt32LE(4),
    number: header.readUInt32LE(12),
    deadBefore: header.readUInt32LE(40),
    keyId,
    epoch: header.readDoubleLE(32),
    end,
    payload,
  };
}

/** Whether a payload consists of whole records. */
function holdsWholeRecords(payload: Buffer, words: Uint32Array): boolean {
  let at = 0;
  while (at < payload.length) {
    if (at + recordHeaderBytes > payload.length) {
      return false;
    }
    const idBytes = words[(at >> 2) + word.idLength]!;
    const sessionBytes = words[(at >> 2) + word.sessionLength]!;
    if (idBytes > payload.length || sessionBytes > payload.length) {
      return false;
    }
    at += recordBytes(idBytes, sessionBytes);
  }
  return at === payload.length;
}

/** The payload, copied if necessary to an address from which words can be read. */
function aligned(payload: Buffer): Buffer {
  if (payload.byteOffset % 4 === 0) {
    return payload;
  }
  const copy = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(copy);
  return copy;
}

/**
 * Reads a slot back.
 * @param slot what the file has of the slot. It may be less than expected.
 * @returns undefined if nothing of it can be trusted.
 */
export function readSlot(
  slot: Buffer,
  expected: ExpectedSlot,
  keys: FileKeys | undefined,
): ReadSlot | undefined {
  const result: ReadSlot = {
    records: [],
    deaths: new Set(),
    position: { writeNumber: expected.writeNumber, slotBytes: 0, frames: 0, deadFrames: 0 },
    wantsRewrite: false,
    damaged: false,
  };
  const { position } = result;
  const trustNothing = (): undefined => {
    for (const records of result.records) {
      records.fill(0);
    }
  };
  let lost = false;
  let epoch = 0;
  let deadFramesRead = 0;
  for (let at = 0; at < slot.length;) {
    const frame = readFrame(slot, at, expected, keys);
    if (frame === undefined || frame.number < position.frames || frame.epoch < epoch) {
      if (at >= expected.bytes) {
        break;
      }
      lost = true;
      at += 8;
      continue;
    }
    // Each frame says how many frames of deaths are before it: none may be missing.
    if (frame.deadBefore !== deadFramesRead) {
      return trustNothing();
    }
    epoch = frame.epoch;
    at = frame.end;
    position.slotBytes = at;
    position.frames = frame.number + 1;
    if (frame.kind === kindDeaths) {
      if (frame.payload === undefined || frame.payload.length % 8 !== 0) {
        return trustNothing();
      }
      for (let death = 0; death < frame.payload.length; death += 8) {
        result.deaths.add(frame.payload.readDoubleLE(death));
      }
      deadFramesRead += 1;
      position.deadFrames = deadFramesRead;
      continue;
    }
    const bytes = frame.payload === undefined ? undefined : aligned(frame.payload);
    if (bytes === undefined || !holdsWholeRecords(bytes, wordsOf(bytes))) {
      bytes?.fill(0);
      lost = true;
      continue;
    }
    if (frame.keyId !== (keys?.currentId ?? 0)) {
      result.wantsRewrite = true;
    }
    result.records.push(bytes);
  }
  if (deadFramesRead < expected.deadFrames) {
    return trustNothing();
  }
  result.damaged = lost || position.frames < expected.frames;
  result.wantsRewrite ||= result.damaged;
  return result;
}
