/**
 * A segment is a part of a circular log: a buffer of fixed size that is filled
 * with records from its start.
 *
 * A record begins at a multiple of 8 bytes. Its header is six 32-bit words in
 * this machine's byte order:
 *
 *     0   hash of the id
 *     4   length of the id in bytes (bits 0 to 30); bit 31 is set when the record is dead
 *     8   length of the session in bytes
 *     12  cache time at which it was stored, in seconds
 *     16  arrival number, low half
 *     20  arrival number, high half
 *     24  the id, the session, and up to 7 bytes of padding
 *
 * A record is live until it expires, or is replaced, deleted, evicted or moved.
 * Then it is dead: its place in the segment remains, but nothing leads to it.
 *
 * A locator names a record in 32 bits. It consists of the segment's number and
 * the record's offset in units of 8 bytes.
 *
 * When a segment is released, its buffer is kept for a later segment, but the
 * pages of the buffer go back to the kernel. So the memory is free without
 * waiting for the garbage collector, and no session data stays in it.
 */
import { releasePages } from '../../system/calls.ts';
import { type Piece, SegmentMemory } from './segment-memory.ts';

export const recordHeaderBytes = 24;
export const deadBit = 0x80000000;
export const idLengthMask = 0x7fffffff;

/** The places of the header's words, counted in words from the start of the record. */
export const word = {
  hash: 0,
  idLength: 1,
  sessionLength: 2,
  storedAt: 3,
  arrivalLow: 4,
  arrivalHigh: 5,
} as const;

/** The size of a record with header and padding, in bytes. */
export function recordBytes(idBytes: number, sessionBytes: number): number {
  return (recordHeaderBytes + idBytes + sessionBytes + 7) & ~7;
}

/** The words of records, which begin at a multiple of 4 bytes of memory. */
export function wordsOf(records: Buffer): Uint32Array {
  return new Uint32Array(records.buffer, records.byteOffset, records.length >> 2);
}

export class Segment {
  readonly number: number;
  /** Its memory. Goes back to the pool together with the segment. */
  readonly piece: Piece;
  readonly buffer: Buffer;
  /** The bytes of the buffer as 32-bit words. */
  readonly words: Uint32Array;
  /** The same bytes, for words that are not aligned. */
  readonly view: DataView;
  /** How many bytes are filled. The next record is appended here. */
  used = 0;
  /** All records below this offset are dead. */
  start = 0;
  /** Packing has copied records to another segment. The old copies must still be overwritten. */
  moved = false;
  /** Bytes of live records, with headers and padding. */
  liveBytes = 0;
  liveCount = 0;
  /** The arrival number of its newest record. */
  lastArrival = 0;
  /** False after the log has released it. */
  inLog = true;
  previous: Segment | undefined;
  next: Segment | undefined;

  /** No record may be appended by an update: the segment was read back from a file. */
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

/**
 * So many free buffers are warm, which means that they keep their pages: two, and
 * one for each 48 segments in use. A log that is full releases a segment each
 * time it takes one, and the kernel needs time to give pages again.
 */
const warmBuffers = 2;
const warmShare = 1 / 48;

/** Gives out segments with a number and a buffer, and takes them back. */
export class SegmentPool {
  readonly segmentBytes: number;
  #most: number;
  readonly #memory: SegmentMemory;
  readonly #byNumber: (Segment | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  /** Free memory that keeps its pages. */
  readonly #warm: Piece[] = [];
  /** Free memory without pages. */
  readonly #cold: Piece[] = [];
  /** The number of the area, and the start in it, by the number of the segment. */
  #areaOf = new Uint16Array(64);
  #startOf = new Int32Array(64);
  #taken = 0;

  /** @param most the most segments at one time. */
  constructor(segmentBytes: number, most: number) {
    this.segmentBytes = segmentBytes;
    this.#most = most;
    this.#memory = new SegmentMemory(segmentBytes);
  }

  get memoryBytes(): number {
    return this.#warm.length * this.segmentBytes;
  }

  /** How many segments are in use. */
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
   * Undefined when the system has no more memory. From then on the pool gives out
   * no more segments than are in use now, because each further attempt would cost
   * a full garbage collection. Throws when there is no memory for the first one.
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
      // A removed record was overwritten at once. Live and moved ones are still here.
      if (segment.moved || segment.liveCount > 0) {
        segment.buffer.fill(0, 0, segment.used);
      }
      this.#warm.push(piece);
    } else {
      releasePages(segment.buffer);
      this.#cold.push(piece);
    }
  }

  // The look-up path finds a record by the number of its segment, without the
  // segment object. A million sessions need two thousand segments, and reading one
  // of their objects would cost one more wait for memory.

  /** The area that contains a segment (segment-memory.ts). */
  areaOf(number: number): Buffer {
    return this.#memory.areas[this.#areaOf[number]!]!;
  }

  /** The same area, for bytes and words at any place. */
  viewOf(number: number): DataView {
    return this.#memory.areaViews[this.#areaOf[number]!]!;
  }

  /** The same area as 32-bit words. */
  wordsOf(number: number): Uint32Array {
    return this.#memory.areaWords[this.#areaOf[number]!]!;
  }

  /** The byte of the area where the segment begins, a multiple of 8. */
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
