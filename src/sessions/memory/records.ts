/**
 * The records of a circular log: the segments that hold them, the index that
 * finds them, and how many they are. This is the only code that creates, moves
 * or removes a record. It knows nothing about lifetimes and limits.
 *
 * A record is named in one of two ways:
 *
 *     locator            one 32-bit number; this is what the index stores
 *     segment, offset    the segment object and the byte where the record starts
 *
 * The look-up path uses locators only. It must not touch the segment objects,
 * because each object costs one more wait for memory in a large cache.
 */
import { copyBytes, sameBytes, viewOf } from '../../system/data-view.ts';
import type { ByteSpan } from '../session-cache.ts';
import type { IdHash } from './id-hash.ts';
import { IdIndex, type RecordMatcher } from './id-index.ts';
import type { LogMirror } from './log-mirror.ts';
import type { MovableRecords } from './packing.ts';
import { SegmentChain } from './segment-chain.ts';
import {
  deadBit,
  recordBytes,
  recordHeaderBytes,
  type Segment,
  SegmentPool,
  word,
} from './segment.ts';

/** With more segments than this, a record is probably in none of the processor's caches. */
const nearSegments = 8;
const wordsPerCacheLine = 16;
/** 1,640 bytes: as much of a record as is loaded ahead. */
const usualRecordWords = 410;

export class Records implements RecordMatcher, MovableRecords {
  readonly chain: SegmentChain;
  /** Is told about each change, when there is one. */
  mirror: LogMirror | undefined;
  /** Live records. */
  entries = 0;
  /** Bytes of the ids and sessions of live records. */
  bytes = 0;
  /** The arrival number of the newest record. */
  lastArrival = 0;
  /** The cache time at which the record of the last read() was stored. */
  readStoredAt = 0;

  readonly #hash: IdHash;
  readonly #index = new IdIndex();
  readonly #pool: SegmentPool;
  /** A locator is the number of a segment, shifted by this, and an offset in units of 8 bytes. */
  readonly #unitShift: number;
  readonly #unitMask: number;
  /** The id that matches() compares with. */
  #wanted: ByteSpan = { buffer: Buffer.alloc(0), start: 0, end: 0 };
  /** What read() returns. One object for all calls: a look-up allocates nothing. */
  readonly #found: ByteSpan = { buffer: Buffer.alloc(0), start: 0, end: 0 };
  /** The record will be read in full, and is probably in no cache of the processor. */
  #loadAhead = false;
  /** Receives words that are read only to load them into the processor's cache. */
  readonly #touched = new Int32Array(1);

  /** @param slotBytes a power of two, greater than segmentBytes: the range of a segment's offsets. */
  constructor(segmentBytes: number, slotBytes: number, hash: IdHash) {
    this.#hash = hash;
    this.#unitShift = Math.log2(slotBytes) - 3;
    this.#unitMask = (1 << this.#unitShift) - 1;
    this.#pool = new SegmentPool(segmentBytes, 2 ** (32 - this.#unitShift) - 1);
    this.chain = new SegmentChain(this.#pool);
  }

  /** Memory that segments and index occupy, in bytes. */
  get memoryBytes(): number {
    return this.chain.usedBytes + this.#pool.memoryBytes + this.#index.memoryBytes;
  }

  hashOf(id: ByteSpan): number {
    return this.#hash(id.buffer, id.start, id.end);
  }

  /** @param hash the hash of the id. @returns the record's locator, or noLocator. */
  find(id: ByteSpan, hash: number): number {
    this.#wanted = id;
    return this.#index.find(hash, this);
  }

  /** Does the same as find(), for a record that will be read next. */
  findToRead(id: ByteSpan): number {
    this.#loadAhead = this.#pool.count > nearSegments;
    const locator = this.find(id, this.hashOf(id));
    this.#loadAhead = false;
    return locator;
  }

  /** The session of a record; valid until the next call. Sets readStoredAt. */
  read(locator: number): ByteSpan {
    const number = locator >>> this.#unitShift;
    const words = this.#pool.wordsOf(number);
    const offset = this.#pool.startOf(number) + ((locator & this.#unitMask) << 3);
    const at = offset >> 2;
    const start = offset + recordHeaderBytes + words[at + word.idLength]!;
    this.readStoredAt = words[at + word.storedAt]!;
    this.#found.buffer = this.#pool.areaOf(number);
    this.#found.start = start;
    this.#found.end = start + words[at + word.sessionLength]!;
    return this.#found;
  }

  segmentOf(locator: number): Segment {
    return this.#pool.get(locator >>> this.#unitShift);
  }

  offsetOf(locator: number): number {
    return (locator & this.#unitMask) << 3;
  }

  /** The index asks: does the record at a locator have the wanted id? */
  matches(locator: number): boolean {
    const number = locator >>> this.#unitShift;
    const words = this.#pool.wordsOf(number);
    const offset = this.#pool.startOf(number) + ((locator & this.#unitMask) << 3);
    const wanted = this.#wanted;
    if (this.#loadAhead) {
      this.#touchRecord(words, offset >> 2);
    }
    const length = words[(offset >> 2) + word.idLength]!;
    if (length !== wanted.end - wanted.start) {
      return false;
    }
    const ours = this.#pool.viewOf(number);
    return sameBytes(ours, offset + recordHeaderBytes, viewOf(wanted.buffer), wanted.start, length);
  }

  /**
   * The segment for the next record: the last one, or a new one when that has no
   * room. Undefined when there are as many segments as there may be.
   */
  segmentFor(size: number): Segment | undefined {
    const { last } = this.chain;
    if (last !== undefined && !last.sealed && last.used + size <= this.#pool.segmentBytes) {
      return last;
    }
    return this.chain.append();
  }

  /** Appends a new record. @param segment one with room for it, from segmentFor(). */
  append(segment: Segment, hash: number, id: ByteSpan, session: ByteSpan, storedAt: number): void {
    const idBytes = id.end - id.start;
    const sessionBytes = session.end - session.start;
    const size = recordBytes(idBytes, sessionBytes);
    const offset = segment.used;
    const at = offset >> 2;
    this.lastArrival += 1;
    const { words } = segment;
    words[at + word.hash] = hash;
    words[at + word.idLength] = idBytes;
    words[at + word.sessionLength] = sessionBytes;
    words[at + word.storedAt] = storedAt;
    words[at + word.arrivalLow] = this.lastArrival % 0x1_0000_0000;
    words[at + word.arrivalHigh] = Math.floor(this.lastArrival / 0x1_0000_0000);
    const idAt = offset + recordHeaderBytes;
    copyBytes(viewOf(id.buffer), id.start, segment.view, idAt, idBytes);
    session.buffer.copy(segment.buffer, idAt + idBytes, session.start, session.end);
    segment.lastArrival = this.lastArrival;
    this.#adopt(segment, size, hash, idBytes + sessionBytes);
    this.mirror?.changed(segment);
  }

  /** Appends a copy of a whole record that comes from a file, with a hash and a time of this process. */
  appendCopy(segment: Segment, record: ByteSpan, hash: number, storedAt: number): void {
    const offset = segment.used;
    const at = offset >> 2;
    record.buffer.copy(segment.buffer, offset, record.start, record.end);
    const { words } = segment;
    words[at + word.hash] = hash;
    words[at + word.storedAt] = storedAt;
    segment.lastArrival = segment.arrivalAt(offset);
    const rawBytes = words[at + word.idLength]! + words[at + word.sessionLength]!;
    this.#adopt(segment, record.end - record.start, hash, rawBytes);
  }

  /**
   * Removes a record from the index and overwrites it. Its room stays unused
   * until the segment is packed or released.
   * @param expired the file needs no note: who reads the record back finds it expired too.
   */
  remove(segment: Segment, offset: number, expired = false): void {
    const { words } = segment;
    const at = offset >> 2;
    const idBytes = words[at + word.idLength]!;
    const sessionBytes = words[at + word.sessionLength]!;
    this.#index.remove(words[at + word.hash]! | 0, this.#locatorOf(segment, offset));
    words[at + word.idLength] = idBytes + deadBit;
    const size = recordBytes(idBytes, sessionBytes);
    words.fill(0, (offset + recordHeaderBytes) >> 2, (offset + size) >> 2);
    segment.liveBytes -= size;
    segment.liveCount -= 1;
    this.chain.liveBytes -= size;
    this.entries -= 1;
    this.bytes -= idBytes + sessionBytes;
    if (segment.liveCount === 0) {
      this.release(segment);
      return;
    }
    if (!expired) {
      this.mirror?.died(segment, offset);
    }
    if (offset === segment.start) {
      segment.start += size;
    }
  }

  /** The segment with the oldest live record, which is at its `start`; undefined when there is none. */
  oldest(): Segment | undefined {
    const segment = this.chain.first;
    if (segment === undefined) {
      return undefined;
    }
    // The loop ends: a segment without a live record is released at once.
    while (segment.isDeadAt(segment.start)) {
      segment.start += segment.sizeAt(segment.start);
    }
    return segment;
  }

  /** Removes all records. */
  clear(): void {
    this.#index.clear();
    while (this.chain.first !== undefined) {
      this.release(this.chain.first);
    }
    this.entries = 0;
    this.bytes = 0;
  }

  release(segment: Segment): void {
    this.mirror?.released(segment);
    this.chain.release(segment);
  }

  move(source: Segment, offset: number, size: number, target: Segment): void {
    const to = target.used;
    source.buffer.copy(target.buffer, to, offset, offset + size);
    this.#index.relocate(
      source.words[(offset >> 2) + word.hash]! | 0,
      this.#locatorOf(source, offset),
      this.#locatorOf(target, to),
    );
    source.words[(offset >> 2) + word.idLength]! += deadBit;
    source.moved = true;
    source.liveBytes -= size;
    source.liveCount -= 1;
    target.used = to + size;
    target.liveBytes += size;
    target.liveCount += 1;
    target.lastArrival = target.arrivalAt(to);
    this.mirror?.changed(target);
    this.chain.usedBytes += size;
  }

  /** Counts the record that has just been written at the end of a segment, and adds it to the index. */
  #adopt(segment: Segment, size: number, hash: number, rawBytes: number): void {
    const offset = segment.used;
    segment.used = offset + size;
    segment.liveBytes += size;
    segment.liveCount += 1;
    this.chain.usedBytes += size;
    this.chain.liveBytes += size;
    this.entries += 1;
    this.bytes += rawBytes;
    this.#index.insert(hash | 0, this.#locatorOf(segment, offset));
  }

  #locatorOf(segment: Segment, offset: number): number {
    return ((segment.number << this.#unitShift) | (offset >> 3)) >>> 0;
  }

  /**
   * Reads one word of each cache line of a usual record. The processor then loads
   * all these lines at the same time. Without this, comparing and copying would
   * wait for one line after the other.
   */
  #touchRecord(words: Uint32Array, at: number): void {
    const end = Math.min(words.length, at + usualRecordWords);
    let touched = 0;
    for (let line = at + wordsPerCacheLine; line < end; line += wordsPerCacheLine) {
      touched |= words[line]!;
    }
    this.#touched[0] = touched;
  }
}
