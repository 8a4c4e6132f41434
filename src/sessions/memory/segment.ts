/**
 * A segment: a stretch of a circular log, filled from its start with records.
 *
 * Record, aligned to 8 bytes; the first six are 32-bit words of this machine's
 * byte order:
 *
 *     0   hash of the id
 *     4   bytes of the id (bits 0 to 30); bit 31: the record is dead
 *     8   bytes of the session
 *     12  cache time of its arrival, seconds
 *     16  arrival number, low half
 *     20  arrival number, high half
 *     24  id, session, up to 7 bytes of padding
 *
 * A locator names a record in 32 bits: the segment's number and the record's
 * offset in units of 8 bytes.
 *
 * Buffers of segments that are gone are kept for the next ones, with their
 * pages given back to the kernel at once: memory returns without waiting for
 * the collector, and leaves no session data behind.
 */
import { releasePages } from '../../system/calls.ts';
import { type Piece, SegmentMemory } from './segment-memory.ts';

export const recordHeaderBytes = 24;
export const deadBit = 0x80000000;
export const idLengthMask = 0x7fffffff;

/** Offsets of the header's words, in words. */
export const word = {
  hash: 0,
  idLength: 1,
  sessionLength: 2,
  storedAt: 3,
  arrivalLow: 4,
  arrivalHigh: 5,
} as const;

export function recordBytes(idBytes: number, sessionBytes: number): number {
  return (recordHeaderBytes + idBytes + sessionBytes + 7) & ~7;
}

/** The words of records, which begin at a multiple of 4 bytes of memory. */
export function wordsOf(records: Buffer): Uint32Array {
  return new Uint32Array(records.buffer, records.byteOffset, records.length >> 2);
}

export class Segment {
  readonly number: number;
  /** The memory that it has; goes back to the pool with it. */
  readonly piece: Piece;
  readonly buffer: Buffer;
  /** The same bytes as words. */
  readonly words: Uint32Array;
  /** The same, for words at any place. */
  readonly view: DataView;
  /** Bytes filled. */
  used = 0;
  /** Offset below which every record is dead. */
  start = 0;
  /** Records have been copied elsewhere, and what they hold is still here. */
  moved = false;
  /** Bytes of records that aren't dead. */
  liveBytes = 0;
  liveCount = 0;
  lastArrival = 0;
  /** False once it has left its log. */
  inLog = true;
  previous: Segment | undefined;
  next: Segment | undefined;

  /** Nothing may be appended: it was read back from a file. */
  sealed = false;

  constructor(number: number, piece: Piece) {
    const { bytes: buffer } = piece;
    this.number = number;
    this.piece = piece;
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.words = new Uint32Array(buffer.buffer, buffer.byteOffset, buffer.length >> 2);
  }

  sizeAt(offset: number): number {
    const at = offset >> 2;
    return recordBytes(
      this.words[at + word.idLength]! & idLengthMask,
      this.words[at + word.sessionLength]!,
    );
  }

  isDeadAt(offset: number): boolean {
    return this.words[(offset >> 2) + word.idLength]! >= deadBit;
  }

  arrivalAt(offset: number): number {
    const at = offset >> 2;
    return this.words[at + word.arrivalHigh]! * 0x1_0000_0000 + this.words[at + word.arrivalLow]!;
  }
}

/** How many emptied buffers keep their pages, for a log that turns over: two and a share. */
const warmBuffers = 2;
const warmShare = 1 / 48;

/** Gives out numbers and buffers of segments, and takes them back. */
export class SegmentPool {
  readonly segmentBytes: number;
  #most: number;
  readonly #memory: SegmentMemory;
  readonly #byNumber: (Segment | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  readonly #warm: Piece[] = [];
  readonly #cold: Piece[] = [];
  /** By the number of a segment. */
  #areaOf = new Uint16Array(64);
  #startOf = new Int32Array(64);
  #taken = 0;

  /** @param most how many segments there may be at one time. */
  constructor(segmentBytes: number, most: number) {
    this.segmentBytes = segmentBytes;
    this.#most = most;
    this.#memory = new SegmentMemory(segmentBytes);
  }

  get memoryBytes(): number {
    return this.#warm.length * this.segmentBytes;
  }

  /** Segments there are. */
  get count(): number {
    return this.#taken;
  }

  get(number: number): Segment {
    return this.#byNumber[number]!;
  }

  /** @returns undefined when there are as many as there may be. */
  take(): Segment | undefined {
    if (this.#taken >= this.#most) {
      return undefined;
    }
    const number = this.#freeNumbers.pop() ?? this.#byNumber.length;
    const piece = this.#warm.pop() ?? this.#cold.pop() ?? this.#newPiece();
    if (piece === undefined) {
      this.#freeNumbers.push(number);
      return undefined;
    }
    const segment = new Segment(number, piece);
    this.#place(number, piece);
    this.#byNumber[number] = segment;
    this.#taken += 1;
    return segment;
  }

  /**
   * Undefined when the system has no more memory: the log then makes do with as
   * many segments as it has, from now on, as each further attempt would cost a
   * full collection of garbage.
   */
  #newPiece(): Piece | undefined {
    try {
      return this.#memory.take();
    } catch (error) {
      if (this.#taken === 0) {
        throw error;
      }
      this.#most = this.#taken;
      return undefined;
    }
  }

  giveBack(segment: Segment): void {
    this.#byNumber[segment.number] = undefined;
    this.#freeNumbers.push(segment.number);
    this.#taken -= 1;
    const { piece } = segment;
    if (this.#warm.length < warmBuffers + this.#taken * warmShare) {
      // A record that died was wiped then.
      if (segment.moved || segment.liveCount > 0) {
        segment.buffer.fill(0, 0, segment.used);
      }
      this.#warm.push(piece);
    } else {
      releasePages(segment.buffer);
      this.#cold.push(piece);
    }
  }

  // The short way to a record: by numbers alone. A million sessions lie in two
  // thousand segments, whose objects would be one more wait for memory each.

  /** The memory that a segment lies in, with others. */
  areaOf(number: number): Buffer {
    return this.#memory.areas[this.#areaOf[number]!]!;
  }

  /** The same, for single bytes and words at any place. */
  viewOf(number: number): DataView {
    return this.#memory.areaViews[this.#areaOf[number]!]!;
  }

  /** The same as words. */
  wordsOf(number: number): Uint32Array {
    return this.#memory.areaWords[this.#areaOf[number]!]!;
  }

  /** Byte of that memory at which a segment begins, a multiple of 8. */
  startOf(number: number): number {
    return this.#startOf[number]!;
  }

  #place(number: number, piece: Piece): void {
    if (number >= this.#startOf.length) {
      const areas = new Uint16Array(number * 2);
      areas.set(this.#areaOf);
      this.#areaOf = areas;
      const starts = new Int32Array(number * 2);
      starts.set(this.#startOf);
      this.#startOf = starts;
    }
    this.#areaOf[number] = piece.area;
    this.#startOf[number] = piece.start;
  }
}
