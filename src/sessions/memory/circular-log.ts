/**
 * A session cache in memory: a circular log. All entries of a cache live
 * equally long, so the order of arrival is the order of expiry: a new entry is
 * appended to the last segment, what expires or has to make room goes from the
 * first one, and an index leads from an id to its record (segment.ts). There is
 * no JavaScript object for an entry.
 *
 * A replaced or deleted record leaves a hole. Holes go with their segment when
 * it gets to the front; when they are more than a share of the log,
 * neighbouring segments are packed into fewer ones, in order.
 *
 * Work that isn't a request's (expiry, packing) is done in small steps, some
 * milliseconds apart.
 */
import type { Clock } from '../../system/clock.ts';
import { copyBytes, sameBytes, viewOf } from '../../system/data-view.ts';
import { type CacheCounters, newCounters } from '../cache-counters.ts';
import { CacheTime } from './cache-time.ts';
import { idHashOf, type IdHash } from './id-hash.ts';
import { IdIndex, noLocator, type RecordMatcher } from './id-index.ts';
import { Janitor } from './janitor.ts';
import { listPage } from './listing.ts';
import { Packer } from './packing.ts';
import { SegmentChain } from './segment-chain.ts';
import {
  deadBit,
  recordBytes,
  recordHeaderBytes,
  type Segment,
  SegmentPool,
  word,
  wordsOf,
} from './segment.ts';
import {
  type ByteSpan,
  type CacheLimits,
  type CacheStatistics,
  type EntryPage,
  longestIdBytes,
  type SessionCache,
} from '../session-cache.ts';

export interface CircularLogSettings extends CacheLimits {
  /** Bytes of a segment, a multiple of 8 and less than slotBytes. */
  segmentBytes: number;
  /** A power of two: the reach of a segment's offsets. */
  slotBytes: number;
}

/** What keeps a copy of the log in a file. */
export interface LogMirror {
  /** Records have been appended to the segment. */
  changed(segment: Segment): void;
  /** The record at an offset of the segment is no more. Others of the segment are. */
  died(segment: Segment, offset: number): void;
  /** The segment is gone, and with it what the file holds of it. */
  released(segment: Segment): void;
  /** Called for each delete, whether the id is known or still to be read back. */
  deleted(id: ByteSpan): void;
  /** Everything is gone, and what is still to be read back too. */
  flushed(): void;
  /** Bytes of the file. */
  fileBytes(): number;
  healthy(): boolean;
  closeNow(): void;
}

/** Told when valid entries have to go for room. */
export type EvictionListener = (limit: 'size' | 'entries', ageSeconds: number) => void;

export interface CircularLogDependencies {
  clock: Clock;
  onEviction?: EvictionListener;
  /** Goes on counting where the cache before it has ended. */
  counters?: CacheCounters;
  /** For tests: the hash of ids. */
  hash?: IdHash;
}

/** The background removes so many entries, some 40 us, and waits: never a busy loop that a client
 * on the same processor would have to wait for. */
const expiryStep = 64;
/** Shares of the segments that may be without anything alive: above the first packing goes on
 * between requests, above the second updates have to help. */
const usualWaste = 0.1;
const mostWaste = 0.12;
/** Expired entries that an update takes along. */
const expiryPerUpdate = 2;
/** Segments that a processor's own cache may hold. */
const nearSegments = 8;
const wordsPerCacheLine = 16;
/** 1,640 bytes. */
const usualRecordWords = 410;

export class CircularLog implements SessionCache, RecordMatcher {
  readonly time: CacheTime;
  /** In force; while the cache shrinks to lower limits, these come down with it. */
  readonly #settings: CircularLogSettings;
  #limits: CacheLimits;
  readonly #hash: IdHash;
  readonly #onEviction: EvictionListener | undefined;
  readonly #counters: CacheCounters;
  readonly #index = new IdIndex();
  readonly #pool: SegmentPool;
  readonly #unitShift: number;
  readonly #unitMask: number;
  readonly #chain: SegmentChain;
  readonly #packer: Packer;
  #mirror: LogMirror | undefined;

  #lastArrival = 0;

  #entries = 0;
  #bytes = 0;

  /** The id that matches() compares with. */
  #wanted: ByteSpan = { buffer: Buffer.alloc(0), start: 0, end: 0 };
  readonly #found: ByteSpan = { buffer: Buffer.alloc(0), start: 0, end: 0 };
  #foundStoredAtSeconds = 0;
  /** What is looked up is going to be read, and is likely in no cache of the processor. */
  #farAway = false;
  /** Takes what is read only to have it near. */
  readonly #touched = new Int32Array(1);

  readonly #janitor = new Janitor(() => this.#workALittle());
  #closed = false;

  constructor(settings: CircularLogSettings, dependencies: CircularLogDependencies) {
    this.#limits = settings;
    this.#settings = { ...settings };
    this.time = new CacheTime(dependencies.clock);
    this.#hash = dependencies.hash ?? idHashOf();
    this.#onEviction = dependencies.onEviction;
    this.#counters = dependencies.counters ?? newCounters();
    this.#unitShift = Math.log2(settings.slotBytes) - 3;
    this.#unitMask = (1 << this.#unitShift) - 1;
    this.#pool = new SegmentPool(settings.segmentBytes, 2 ** (32 - this.#unitShift) - 1);
    this.#chain = new SegmentChain(this.#pool);
    this.#packer = new Packer(this.#chain, {
      moveRecord: (source, offset, size, target) => this.#moveRecord(source, offset, size, target),
      release: (segment) => this.#release(segment),
    });
  }

  get settings(): CircularLogSettings {
    return this.#settings;
  }

  /** The cache time at which what the last successful lookup found was stored. */
  get foundStoredAtSeconds(): number {
    return this.#foundStoredAtSeconds;
  }

  get firstSegment(): Segment | undefined {
    return this.#chain.first;
  }

  mirrorTo(mirror: LogMirror): void {
    this.#mirror = mirror;
  }

  lookup(id: ByteSpan): ByteSpan | undefined {
    this.#farAway = this.#pool.count > nearSegments;
    const locator = this.#locate(id);
    this.#farAway = false;
    if (locator === noLocator) {
      this.#counters.misses += 1;
      return undefined;
    }
    const number = locator >>> this.#unitShift;
    const words = this.#pool.wordsOf(number);
    const offset = this.#pool.startOf(number) + ((locator & this.#unitMask) << 3);
    const at = offset >> 2;
    const storedAt = words[at + word.storedAt]!;
    if (this.time.now() > storedAt + this.#settings.lifetimeSeconds) {
      this.#remove(this.#pool.get(number), (locator & this.#unitMask) << 3, true);
      this.#counters.expired += 1;
      this.#counters.misses += 1;
      return undefined;
    }
    this.#counters.hits += 1;
    const start = offset + recordHeaderBytes + words[at + word.idLength]!;
    this.#foundStoredAtSeconds = storedAt;
    this.#found.buffer = this.#pool.areaOf(number);
    this.#found.start = start;
    this.#found.end = start + words[at + word.sessionLength]!;
    return this.#found;
  }

  update(id: ByteSpan, session: ByteSpan): void {
    const now = this.time.now();
    this.expire(expiryPerUpdate, now);
    const hash = this.#hash(id.buffer, id.start, id.end);
    this.#wanted = id;
    const known = this.#index.find(hash, this);
    if (known === noLocator) {
      this.#counters.stored += 1;
    } else {
      const segment = this.#pool.get(known >>> this.#unitShift);
      const offset = (known & this.#unitMask) << 3;
      const storedAt = segment.words[(offset >> 2) + word.storedAt]!;
      if (now > storedAt + this.#settings.lifetimeSeconds) {
        this.#counters.expired += 1;
        this.#counters.stored += 1;
      } else {
        this.#counters.replaced += 1;
      }
      this.#remove(segment, offset);
    }
    const idBytes = id.end - id.start;
    const sessionBytes = session.end - session.start;
    const size = recordBytes(idBytes, sessionBytes);
    const { sizeLimitBytes, segmentBytes } = this.#settings;
    if (size > segmentBytes || (sizeLimitBytes > 0 && idBytes + sessionBytes > sizeLimitBytes)) {
      // Not for any number of evictions: as if stored and gone at once.
      this.#counters.evicted += 1;
      this.#onEviction?.('size', 0);
      return;
    }
    this.#makeRoom(now, idBytes + sessionBytes, 1);
    const segment = this.#headWithRoom(now, size);
    const offset = segment.used;
    const at = offset >> 2;
    this.#lastArrival += 1;
    const { words } = segment;
    words[at + word.hash] = hash;
    words[at + word.idLength] = idBytes;
    words[at + word.sessionLength] = sessionBytes;
    words[at + word.storedAt] = now;
    words[at + word.arrivalLow] = this.#lastArrival % 0x1_0000_0000;
    words[at + word.arrivalHigh] = Math.floor(this.#lastArrival / 0x1_0000_0000);
    const idAt = offset + recordHeaderBytes;
    copyBytes(viewOf(id.buffer), id.start, segment.view, idAt, idBytes);
    session.buffer.copy(segment.buffer, idAt + idBytes, session.start, session.end);
    segment.used = offset + size;
    segment.lastArrival = this.#lastArrival;
    this.#chain.usedBytes += size;
    this.#adopt(segment, offset, size, hash, idBytes + sessionBytes);
    this.#mirror?.changed(segment);
    if (this.#janitor.isIdle) {
      this.#janitor.waitFor(this.#untilExpiry());
    }
    if (this.#packer.isWorthAbove(mostWaste)) {
      this.#packer.packOne();
    }
  }

  delete(id: ByteSpan): boolean {
    const locator = this.#locate(id);
    this.#mirror?.deleted(id);
    if (locator === noLocator) {
      return false;
    }
    const segment = this.#pool.get(locator >>> this.#unitShift);
    const offset = (locator & this.#unitMask) << 3;
    const storedAt = segment.words[(offset >> 2) + word.storedAt]!;
    const valid = this.time.now() <= storedAt + this.#settings.lifetimeSeconds;
    this.#remove(segment, offset);
    if (valid) {
      this.#counters.deleted += 1;
    } else {
      this.#counters.expired += 1;
    }
    return valid;
  }

  flush(): number {
    const dropped = this.#entries;
    this.#packer.reset();
    this.#index.clear();
    while (this.#chain.first !== undefined) {
      this.#release(this.#chain.first);
    }
    this.#entries = 0;
    this.#bytes = 0;
    this.#counters.deleted += dropped;
    this.#mirror?.flushed();
    return dropped;
  }

  list(cursor: string, limit: number): EntryPage {
    const { first } = this.#chain;
    const { lifetimeSeconds } = this.#settings;
    return listPage({ first, time: this.time, lifetimeSeconds }, cursor, limit);
  }

  statistics(): CacheStatistics {
    return {
      entries: this.#entries,
      bytes: this.#bytes,
      sizeLimitBytes: this.#limits.sizeLimitBytes,
      entryLimit: this.#limits.entryLimit,
      ...this.#counters,
      memoryBytes: this.#chain.usedBytes + this.#pool.memoryBytes + this.#index.memoryBytes,
      fileBytes: this.#mirror?.fileBytes() ?? 0,
      fileHealthy: this.#mirror?.healthy() ?? true,
    };
  }

  change(limits: CacheLimits): void {
    this.#limits = limits;
    this.#followLimits();
    this.#janitor.wake();
  }

  closeNow(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#janitor.close();
    this.#mirror?.closeNow();
  }

  /** Removes entries that have expired by `now` from the front, `most` at most. @returns how many. */
  expire(most: number, now = this.time.now()): number {
    const before = now - this.#settings.lifetimeSeconds;
    let count = 0;
    while (count < most) {
      const segment = this.#oldest();
      if (segment === undefined) {
        break;
      }
      const offset = segment.start;
      if (segment.words[(offset >> 2) + word.storedAt]! >= before) {
        break;
      }
      this.#remove(segment, offset, true);
      this.#counters.expired += 1;
      count += 1;
    }
    return count;
  }

  matches(locator: number): boolean {
    const number = locator >>> this.#unitShift;
    const words = this.#pool.wordsOf(number);
    const offset = this.#pool.startOf(number) + ((locator & this.#unitMask) << 3);
    const wanted = this.#wanted;
    if (this.#farAway) {
      this.#bringNear(words, offset >> 2);
    }
    const length = words[(offset >> 2) + word.idLength]!;
    if (length !== wanted.end - wanted.start) {
      return false;
    }
    const ours = this.#pool.viewOf(number);
    return sameBytes(ours, offset + recordHeaderBytes, viewOf(wanted.buffer), wanted.start, length);
  }

  /**
   * Reads a word of each cache line of a usual record, so that the memory's
   * answers come together: comparing and copying would ask for one after the other.
   */
  #bringNear(words: Uint32Array, at: number): void {
    const end = Math.min(words.length, at + usualRecordWords);
    let touched = 0;
    for (let line = at + wordsPerCacheLine; line < end; line += wordsPerCacheLine) {
      touched |= words[line]!;
    }
    this.#touched[0] = touched;
  }

  /** Whether a limit leaves no room for anything older. */
  get isFull(): boolean {
    const { sizeLimitBytes, entryLimit } = this.#settings;
    return (
      (sizeLimitBytes > 0 && this.#bytes >= sizeLimitBytes) ||
      (entryLimit > 0 && this.#entries >= entryLimit)
    );
  }

  /** The number of the newest arrival. */
  get lastArrival(): number {
    return this.#lastArrival;
  }

  /** New arrivals get numbers above this. Before the first update only. */
  startArrivalsAfter(arrival: number): void {
    this.#lastArrival = arrival;
  }

  /**
   * Takes in records read back from a file, in front of all it holds. Of two
   * with the same id the later arrival stays.
   * @param records whole records, one after the other, in the order of their arrival; wiped.
   * @param skip tells whether a record is no more, by its arrival number and id.
   * @returns the segment that holds them, undefined when none was of use, and the arrival numbers of
   * those that were not.
   */
  readBack(
    records: readonly Buffer[],
    skip: (arrival: number, id: ByteSpan) => boolean,
  ): { segment: Segment | undefined; rejected: number[] } {
    const now = this.time.now();
    const rejected: number[] = [];
    let segment: Segment | undefined;
    for (const bytes of records) {
      const words = wordsOf(bytes);
      for (let offset = 0; offset < bytes.length;) {
        const at = offset >> 2;
        const idBytes = words[at + word.idLength]!;
        const sessionBytes = words[at + word.sessionLength]!;
        const size = recordBytes(idBytes, sessionBytes);
        const arrival =
          words[at + word.arrivalHigh]! * 0x1_0000_0000 + words[at + word.arrivalLow]!;
        const storedAt = Math.min(now, words[at + word.storedAt]!);
        const idStart = offset + recordHeaderBytes;
        const id = { buffer: bytes, start: idStart, end: idStart + idBytes };
        offset += size;
        if (skip(arrival, id)) {
          continue;
        }
        if (now > storedAt + this.#settings.lifetimeSeconds || idBytes > longestIdBytes) {
          rejected.push(arrival);
          continue;
        }
        const known = this.#locate(id);
        if (known !== noLocator) {
          const other = this.#pool.get(known >>> this.#unitShift);
          const otherOffset = (known & this.#unitMask) << 3;
          const otherArrival = other.arrivalAt(otherOffset);
          rejected.push(Math.min(arrival, otherArrival));
          if (otherArrival >= arrival) {
            continue;
          }
          this.#remove(other, otherOffset);
          segment = segment?.inLog === true ? segment : undefined;
        }
        segment ??= this.#sealedInFront();
        if (segment === undefined || segment.used + size > this.#settings.segmentBytes) {
          rejected.push(arrival);
          continue;
        }
        const to = segment.used;
        const hash = this.#hash(bytes, id.start, id.end);
        bytes.copy(
          segment.buffer,
          to,
          idStart - recordHeaderBytes,
          idStart - recordHeaderBytes + size,
        );
        segment.words[(to >> 2) + word.hash] = hash;
        segment.words[(to >> 2) + word.storedAt] = storedAt;
        segment.used = to + size;
        segment.lastArrival = arrival;
        this.#chain.usedBytes += size;
        this.#adopt(segment, to, size, hash, idBytes + sessionBytes);
      }
      bytes.fill(0);
    }
    return { segment, rejected };
  }

  /** Enforces the limits and the lifetimes of what has been read back. */
  settle(): void {
    this.#makeRoom(this.time.now(), 0, 0);
    if (this.#janitor.isIdle) {
      this.#janitor.waitFor(this.#untilExpiry());
    }
  }

  #sealedInFront(): Segment | undefined {
    const segment = this.#chain.prepend();
    if (segment !== undefined) {
      segment.sealed = true;
    }
    return segment;
  }

  #locate(id: ByteSpan): number {
    this.#wanted = id;
    return this.#index.find(this.#hash(id.buffer, id.start, id.end), this);
  }

  /** Makes a record known and counts it. */
  #adopt(segment: Segment, offset: number, size: number, hash: number, rawBytes: number): void {
    segment.liveBytes += size;
    segment.liveCount += 1;
    this.#chain.liveBytes += size;
    this.#entries += 1;
    this.#bytes += rawBytes;
    this.#index.insert(hash | 0, this.#locatorOf(segment, offset));
  }

  #locatorOf(segment: Segment, offset: number): number {
    return ((segment.number << this.#unitShift) | (offset >> 3)) >>> 0;
  }

  /**
   * Takes a record out of the index and leaves a hole.
   * @param expired nothing needs to be written about it: who reads it back finds it expired too.
   */
  #remove(segment: Segment, offset: number, expired = false): void {
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
    this.#chain.liveBytes -= size;
    this.#entries -= 1;
    this.#bytes -= idBytes + sessionBytes;
    if (segment.liveCount === 0) {
      this.#release(segment);
      return;
    }
    if (!expired) {
      this.#mirror?.died(segment, offset);
    }
    if (offset === segment.start) {
      segment.start += size;
    }
    if (!this.#janitor.isWorking && this.#packer.isWorthAbove(usualWaste)) {
      this.#janitor.wake();
    }
  }

  /** The segment whose `start` is at the oldest entry. */
  #oldest(): Segment | undefined {
    const segment = this.#chain.first;
    if (segment === undefined) {
      return undefined;
    }
    // A segment without a live record is gone already, so there is one to come to.
    while (segment.isDeadAt(segment.start)) {
      segment.start += segment.sizeAt(segment.start);
    }
    return segment;
  }

  #makeRoom(now: number, moreBytes: number, moreEntries: number): void {
    const { sizeLimitBytes, entryLimit } = this.#settings;
    for (;;) {
      const overSize = sizeLimitBytes > 0 && this.#bytes + moreBytes > sizeLimitBytes;
      const overEntries = entryLimit > 0 && this.#entries + moreEntries > entryLimit;
      if (!(overSize || overEntries) || !this.#evictOldest(now, overSize ? 'size' : 'entries')) {
        return;
      }
    }
  }

  #evictOldest(now: number, limit: 'size' | 'entries'): boolean {
    const segment = this.#oldest();
    if (segment === undefined) {
      return false;
    }
    const ageSeconds = now - segment.words[(segment.start >> 2) + word.storedAt]!;
    this.#remove(segment, segment.start);
    if (ageSeconds > this.#settings.lifetimeSeconds) {
      this.#counters.expired += 1;
    } else {
      this.#counters.evicted += 1;
      this.#onEviction?.(limit, ageSeconds);
    }
    return true;
  }

  /** Lets go of what lower limits have no room for. @returns whether there is more of it. */
  #shrink(most: number): boolean {
    const { sizeLimitBytes, entryLimit } = this.#limits;
    const now = this.time.now();
    for (let count = 0; count <= most; count += 1) {
      const overSize = sizeLimitBytes > 0 && this.#bytes > sizeLimitBytes;
      const overEntries = entryLimit > 0 && this.#entries > entryLimit;
      if (!overSize && !overEntries) {
        this.#followLimits();
        return false;
      }
      if (count < most) {
        this.#evictOldest(now, overSize ? 'size' : 'entries');
      }
    }
    this.#followLimits();
    return true;
  }

  /**
   * An update makes room for itself alone: it must not have to empty half a
   * cache. Changed in place, as a new object each time would have a shape of
   * its own, and every update after it would look these up by their names.
   */
  #followLimits(): void {
    const { lifetimeSeconds, sizeLimitBytes, entryLimit } = this.#limits;
    const settings = this.#settings;
    settings.lifetimeSeconds = lifetimeSeconds;
    settings.sizeLimitBytes = sizeLimitBytes === 0 ? 0 : Math.max(sizeLimitBytes, this.#bytes);
    settings.entryLimit = entryLimit === 0 ? 0 : Math.max(entryLimit, this.#entries);
  }

  /** The last segment, or a new one. */
  #headWithRoom(now: number, size: number): Segment {
    const { last } = this.#chain;
    if (last !== undefined && !last.sealed && last.used + size <= this.#settings.segmentBytes) {
      return last;
    }
    let segment = this.#chain.append();
    while (segment === undefined) {
      // As many segments as a locator can name.
      this.#evictOldest(now, 'size');
      segment = this.#chain.append();
    }
    return segment;
  }

  #release(segment: Segment): void {
    this.#mirror?.released(segment);
    this.#chain.release(segment);
  }

  #moveRecord(source: Segment, offset: number, size: number, target: Segment): void {
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
    this.#mirror?.changed(target);
    this.#chain.usedBytes += size;
  }

  /** Seconds until the oldest entry expires. */
  #untilExpiry(): number | undefined {
    const segment = this.#oldest();
    if (segment === undefined) {
      return undefined;
    }
    const storedAt = segment.words[(segment.start >> 2) + word.storedAt]!;
    return storedAt + this.#settings.lifetimeSeconds + 1 - this.time.now();
  }

  /** The work in the background; comes back as long as there is more. */
  #workALittle(): 'more' | number | undefined {
    const expired = this.expire(expiryStep) === expiryStep;
    const more = this.#shrink(expiryStep) || expired;
    const packed = this.#packer.isWorthAbove(usualWaste) && this.#packer.packOne();
    return more || packed ? 'more' : this.#untilExpiry();
  }
}
