/**
 * A session cache in memory, kept as a circular log. All entries of a cache live
 * equally long, so the order of arrival is also the order of expiry. A new entry
 * is appended to the last segment (segment.ts). Entries that have expired, or
 * must make room, are removed from the first segment. An index leads from the id
 * of an entry to its record. No entry is a JavaScript object, so the garbage
 * collector has nothing to walk through.
 *
 * A replaced or deleted record leaves a hole. The hole goes when its segment
 * becomes the first one and is released. When holes take more than a given share
 * of the log, neighbouring segments are packed into fewer ones (packing.ts).
 *
 * This file has the operations of a cache. The parts beneath it:
 *
 *     records.ts     stores, finds, moves and removes records
 *     retention.ts   decides which entries must go, by lifetime and limits
 *     background.ts  removes expired entries, shrinks and packs between requests;
 *                    the janitor (janitor.ts) owns its timer
 *     intake.ts      takes in what was read back from a file
 *     listing.ts     lists entries by pages
 */
import type { Clock } from '../../system/clock.ts';
import { type CacheCounters, newCounters } from '../cache-counters.ts';
import type {
  ByteSpan,
  CacheLimits,
  CacheStatistics,
  EntryPage,
  SessionCache,
} from '../session-cache.ts';
import { BackgroundWork } from './background.ts';
import { CacheTime } from './cache-time.ts';
import { idHashOf, type IdHash } from './id-hash.ts';
import { noLocator } from './id-index.ts';
import { type ReadBackRecords, type SkipRecord, takeIn } from './intake.ts';
import { listPage } from './listing.ts';
import type { LogMirror } from './log-mirror.ts';
import { Records } from './records.ts';
import { type EvictionListener, Retention } from './retention.ts';
import { recordBytes, type Segment, word } from './segment.ts';

export interface CircularLogSettings extends CacheLimits {
  /** The size of a segment: a multiple of 8, less than slotBytes. */
  segmentBytes: number;
  /** A power of two: the range of a segment's offsets. */
  slotBytes: number;
}

export interface CircularLogDependencies {
  clock: Clock;
  onEviction?: EvictionListener;
  /** To continue the counts of an earlier cache. */
  counters?: CacheCounters;
  /** For tests: the hash of ids. */
  hash?: IdHash;
}

/** Expired entries that one update removes. */
const expiryPerUpdate = 2;
/**
 * A log is in one of two states:
 *
 *     open     serves
 *     closed   for good: no timer, nothing goes to the file
 *
 * A closed log answers like an empty one and takes nothing: a look-up misses, a
 * delete finds nothing, a listing is empty, and an update, a read-back and new
 * limits have no effect. Its memory is not overwritten at close, as the process
 * usually ends then. flush() still does that, and returns how many entries the
 * memory held. statistics() still tells the counts.
 */
type LogState = 'open' | 'closed';

export class CircularLog implements SessionCache {
  readonly time: CacheTime;
  readonly #settings: CircularLogSettings;
  readonly #counters: CacheCounters;
  readonly #onEviction: EvictionListener | undefined;
  readonly #records: Records;
  readonly #retention: Retention;
  readonly #background: BackgroundWork;
  #state: LogState = 'open';

  constructor(settings: CircularLogSettings, dependencies: CircularLogDependencies) {
    const { clock, onEviction, counters = newCounters(), hash = idHashOf() } = dependencies;
    this.#settings = { ...settings };
    this.time = new CacheTime(clock);
    this.#counters = counters;
    this.#onEviction = onEviction;
    const records = new Records(settings.segmentBytes, settings.slotBytes, hash);
    this.#records = records;
    this.#retention = new Retention(this.#settings, {
      records,
      time: this.time,
      counters,
      onEviction,
    });
    this.#background = new BackgroundWork(records, this.#retention, this.time);
  }

  /** The sizes of the log's parts, and the limits in force. */
  get settings(): CircularLogSettings {
    return this.#settings;
  }

  storedAtSeconds(): number {
    return this.time.toWall(this.#records.readStoredAt);
  }

  get firstSegment(): Segment | undefined {
    return this.#records.chain.first;
  }

  /** Whether a limit is reached, so that an older entry would find no room. */
  get isFull(): boolean {
    return this.#retention.isFull;
  }

  /** The number of the newest arrival. */
  get lastArrival(): number {
    return this.#records.lastArrival;
  }

  /** New arrivals get numbers above this one. Only before the first update. */
  startArrivalsAfter(arrival: number): void {
    this.#records.lastArrival = arrival;
  }

  /** From now on the mirror is told about each change. */
  mirrorTo(mirror: LogMirror): void {
    this.#records.mirror = mirror;
  }

  lookup(id: ByteSpan): ByteSpan | undefined {
    const records = this.#records;
    const locator = this.#state === 'open' ? records.findToRead(id) : noLocator;
    if (locator === noLocator) {
      this.#counters.misses += 1;
      return undefined;
    }
    const session = records.read(locator);
    if (this.#retention.hasExpired(records.readStoredAt, this.time.now())) {
      records.remove(records.segmentOf(locator), records.offsetOf(locator), true);
      this.#counters.expired += 1;
      this.#counters.misses += 1;
      this.#background.afterRemoval();
      return undefined;
    }
    this.#counters.hits += 1;
    return session;
  }

  update(id: ByteSpan, session: ByteSpan): void {
    if (this.#state === 'closed') {
      return;
    }
    const records = this.#records;
    const now = this.time.now();
    this.#retention.expire(expiryPerUpdate, now);
    const hash = records.hashOf(id);
    const known = records.find(id, hash);
    if (known === noLocator) {
      this.#counters.stored += 1;
    } else {
      this.#replace(known, now);
    }
    const rawBytes = id.end - id.start + session.end - session.start;
    const size = recordBytes(id.end - id.start, session.end - session.start);
    if (size > this.#settings.segmentBytes || this.#retention.isAboveLimit(rawBytes)) {
      // No eviction could make room for it. It counts as stored and evicted at once.
      this.#counters.evicted += 1;
      this.#onEviction?.('size', 0);
      this.#background.afterRemoval();
      return;
    }
    this.#retention.makeRoom(now, rawBytes, 1);
    records.append(this.#segmentFor(size, now), hash, id, session, now);
    this.#background.afterUpdate();
  }

  delete(id: ByteSpan): boolean {
    if (this.#state === 'closed') {
      return false;
    }
    const records = this.#records;
    const locator = records.find(id, records.hashOf(id));
    records.mirror?.deleted(id);
    if (locator === noLocator) {
      return false;
    }
    const segment = records.segmentOf(locator);
    const offset = records.offsetOf(locator);
    const storedAt = segment.words[(offset >> 2) + word.storedAt]!;
    const isValid = !this.#retention.hasExpired(storedAt, this.time.now());
    records.remove(segment, offset);
    if (isValid) {
      this.#counters.deleted += 1;
    } else {
      this.#counters.expired += 1;
    }
    this.#background.afterRemoval();
    return isValid;
  }

  flush(): number {
    const { entries } = this.#records;
    this.#records.clear();
    this.#background.afterFlush();
    this.#counters.deleted += entries;
    this.#records.mirror?.flushed();
    return entries;
  }

  list(cursor: string, limit: number): EntryPage {
    if (this.#state === 'closed') {
      return { entries: [], nextCursor: '' };
    }
    const { first } = this.#records.chain;
    const { lifetimeSeconds } = this.#settings;
    return listPage({ first, time: this.time, lifetimeSeconds }, cursor, limit);
  }

  statistics(): CacheStatistics {
    const { entries, bytes, memoryBytes, mirror } = this.#records;
    const { sizeLimitBytes, entryLimit } = this.#retention.wanted;
    return {
      entries,
      bytes,
      sizeLimitBytes,
      entryLimit,
      ...this.#counters,
      memoryBytes,
      fileBytes: mirror?.fileBytes() ?? 0,
      fileHealthy: mirror?.healthy() ?? true,
    };
  }

  change(limits: CacheLimits): void {
    if (this.#state === 'closed') {
      return;
    }
    this.#retention.change(limits);
    this.#background.afterChange();
  }

  closeNow(): void {
    if (this.#state === 'closed') {
      return;
    }
    this.#state = 'closed';
    this.#background.close();
    this.#records.mirror?.closeNow();
  }

  /** Removes entries that have expired by `now`, at most `most`, the oldest first. @returns how many. */
  expire(most: number, now = this.time.now()): number {
    return this.#state === 'open' ? this.#retention.expire(most, now) : 0;
  }

  /**
   * Takes in records that were read back from a file, in front of all others. Of
   * two with the same id the one with the later arrival stays.
   * @param contents whole records, one after the other, in the order of their arrival; wiped.
   * @param skip tells whether a record no longer exists, by its arrival number and id.
   */
  readBack(contents: readonly Buffer[], skip: SkipRecord): ReadBackRecords {
    if (this.#state === 'closed') {
      for (const bytes of contents) {
        bytes.fill(0);
      }
      return { segment: undefined, rejected: [] };
    }
    return takeIn(contents, skip, this.#records, this.#retention, this.time.now());
  }

  /** Applies the limits and lifetimes to what has been read back. */
  settle(): void {
    if (this.#state === 'closed') {
      return;
    }
    this.#retention.makeRoom(this.time.now(), 0, 0);
    this.#background.afterReadBack();
  }

  /** Removes the record that an update replaces. */
  #replace(known: number, now: number): void {
    const segment = this.#records.segmentOf(known);
    const offset = this.#records.offsetOf(known);
    if (this.#retention.hasExpired(segment.words[(offset >> 2) + word.storedAt]!, now)) {
      this.#counters.expired += 1;
      this.#counters.stored += 1;
    } else {
      this.#counters.replaced += 1;
    }
    this.#records.remove(segment, offset);
  }

  #segmentFor(size: number, now: number): Segment {
    let segment = this.#records.segmentFor(size);
    while (segment === undefined) {
      // There are as many segments as there may be: the oldest one must go.
      this.#retention.evictOldest(now, 'size');
      segment = this.#records.segmentFor(size);
    }
    return segment;
  }
}
