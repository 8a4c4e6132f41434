/**
 * Decides which entries must go: those that have expired, and the oldest ones
 * when a limit is reached. All entries live equally long, so both kinds go from
 * the front of the log.
 */
import type { CacheCounters } from '../cache-counters.ts';
import type { CacheLimits } from '../session-cache.ts';
import type { CacheTime } from './cache-time.ts';
import type { Records } from './records.ts';
import { word } from './segment.ts';

/** Called when an entry that is still valid must go. `ageSeconds` is the time since it was stored. */
export type EvictionListener = (limit: 'size' | 'entries', ageSeconds: number) => void;

export interface RetentionParts {
  records: Records;
  time: CacheTime;
  counters: CacheCounters;
  onEviction: EvictionListener | undefined;
}

export class Retention {
  readonly #records: Records;
  readonly #time: CacheTime;
  readonly #counters: CacheCounters;
  readonly #onEviction: EvictionListener | undefined;
  /** What each update obeys. While the log shrinks, these come down to the wanted limits step by step. */
  readonly #inForce: CacheLimits;
  #wanted: CacheLimits;

  /**
   * @param inForce the limits to start with. The object is changed in place: a new
   * object for each change would have another hidden class, and V8 would then
   * read its fields more slowly in every update.
   */
  constructor(inForce: CacheLimits, { records, time, counters, onEviction }: RetentionParts) {
    this.#inForce = inForce;
    this.#wanted = { ...inForce };
    this.#records = records;
    this.#time = time;
    this.#counters = counters;
    this.#onEviction = onEviction;
  }

  /** The limits that were asked for last. */
  get wanted(): CacheLimits {
    return this.#wanted;
  }

  /** Whether a limit is reached, so that an older entry would find no room. */
  get isFull(): boolean {
    const { sizeLimitBytes, entryLimit } = this.#inForce;
    return (
      (sizeLimitBytes > 0 && this.#records.bytes >= sizeLimitBytes) ||
      (entryLimit > 0 && this.#records.entries >= entryLimit)
    );
  }

  /** Whether what was stored at a cache time has expired. An entry is valid in its last second. */
  hasExpired(storedAt: number, now: number): boolean {
    return now > storedAt + this.#inForce.lifetimeSeconds;
  }

  /** Whether an entry of so many bytes alone is above the size limit. */
  isAboveLimit(rawBytes: number): boolean {
    const { sizeLimitBytes } = this.#inForce;
    return sizeLimitBytes > 0 && rawBytes > sizeLimitBytes;
  }

  /** Sets other limits. The lifetime holds at once; shrink() removes what is above the others. */
  change(limits: CacheLimits): void {
    this.#wanted = limits;
    this.#followWanted();
  }

  /** Removes expired entries, at most `most`, the oldest first. @returns how many. */
  expire(most: number, now: number): number {
    const before = now - this.#inForce.lifetimeSeconds;
    let count = 0;
    while (count < most) {
      const segment = this.#records.oldest();
      if (segment === undefined) {
        break;
      }
      const offset = segment.start;
      if (segment.words[(offset >> 2) + word.storedAt]! >= before) {
        break;
      }
      this.#records.remove(segment, offset, true);
      this.#counters.expired += 1;
      count += 1;
    }
    return count;
  }

  /** Removes the oldest entries until so many more bytes and entries are within the limits. */
  makeRoom(now: number, moreBytes: number, moreEntries: number): void {
    const { sizeLimitBytes, entryLimit } = this.#inForce;
    for (;;) {
      const overSize = sizeLimitBytes > 0 && this.#records.bytes + moreBytes > sizeLimitBytes;
      const overEntries = entryLimit > 0 && this.#records.entries + moreEntries > entryLimit;
      if (!(overSize || overEntries) || !this.evictOldest(now, overSize ? 'size' : 'entries')) {
        return;
      }
    }
  }

  /** Removes the oldest entry, expired or not. @returns false when there is none. */
  evictOldest(now: number, limit: 'size' | 'entries'): boolean {
    const segment = this.#records.oldest();
    if (segment === undefined) {
      return false;
    }
    const ageSeconds = now - segment.words[(segment.start >> 2) + word.storedAt]!;
    this.#records.remove(segment, segment.start);
    if (ageSeconds > this.#inForce.lifetimeSeconds) {
      this.#counters.expired += 1;
    } else {
      this.#counters.evicted += 1;
      this.#onEviction?.(limit, ageSeconds);
    }
    return true;
  }

  /** Removes entries that are above the wanted limits, at most `most`. @returns whether there are more. */
  shrink(most: number): boolean {
    const { sizeLimitBytes, entryLimit } = this.#wanted;
    const now = this.#time.now();
    for (let count = 0; count <= most; count += 1) {
      const overSize = sizeLimitBytes > 0 && this.#records.bytes > sizeLimitBytes;
      const overEntries = entryLimit > 0 && this.#records.entries > entryLimit;
      if (!overSize && !overEntries) {
        this.#followWanted();
        return false;
      }
      if (count < most) {
        this.evictOldest(now, overSize ? 'size' : 'entries');
      }
    }
    this.#followWanted();
    return true;
  }

  /** Seconds until the oldest entry expires; undefined when there is none. */
  untilExpiry(): number | undefined {
    const segment = this.#records.oldest();
    if (segment === undefined) {
      return undefined;
    }
    const storedAt = segment.words[(segment.start >> 2) + word.storedAt]!;
    return storedAt + this.#inForce.lifetimeSeconds + 1 - this.#time.now();
  }

  /**
   * Brings the limits in force as close to the wanted ones as the entries allow.
   * They never go below what the log holds, so one update never has to remove
   * half of the cache.
   */
  #followWanted(): void {
    const { lifetimeSeconds, sizeLimitBytes, entryLimit } = this.#wanted;
    const { bytes, entries } = this.#records;
    this.#inForce.lifetimeSeconds = lifetimeSeconds;
    this.#inForce.sizeLimitBytes = sizeLimitBytes === 0 ? 0 : Math.max(sizeLimitBytes, bytes);
    this.#inForce.entryLimit = entryLimit === 0 ? 0 : Math.max(entryLimit, entries);
  }
}
