/**
 * Sessions that the engine has answered with, for the next look-up. One map serves
 * all caches of the process. It isn't the circular log of a cache, as the order of
 * arrival there is the order of expiry: what comes from the engine has an expiry of
 * its own.
 *
 * When the map is full, the oldest go. A session is overwritten when it leaves.
 */
import type { Clock } from '../../system/clock.ts';
import type { FleetCacheReport } from '../report.ts';
import { type FoundSession, lengthOf } from './found-session.ts';
import { type Schedule, Sweep } from './sweep.ts';

interface NearEntry {
  readonly found: FoundSession;
  readonly bytes: number;
  /** By the wall clock, milliseconds since 1970. */
  readonly expiresAtMs: number;
  /** By the monotonic clock. */
  readonly deadlineMs: number;
  /** The cache's counts. */
  readonly owner: FleetCacheReport;
}

/** What an entry takes beside its key and its session. */
const entryBytes = 300;

export interface NearMapOptions {
  limitBytes: number;
  clock: Clock;
  schedule: Schedule;
}

export class NearMap {
  readonly #limitBytes: number;
  readonly #clock: Clock;
  readonly #sweep: Sweep;
  /** In the order of arrival. */
  readonly #entries = new Map<string, NearEntry>();
  #bytes = 0;

  constructor({ limitBytes, clock, schedule }: NearMapOptions) {
    this.#limitBytes = limitBytes;
    this.#clock = clock;
    this.#sweep = new Sweep(schedule, () => this.#removeExpired());
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @returns a session that is lent: it is valid until the next call. */
  get(key: string): FoundSession | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      return undefined;
    }
    if (this.#hasExpired(entry)) {
      this.#remove(key, entry);
      return undefined;
    }
    return entry.found;
  }

  /**
   * Keeps a session until it expires, by either clock.
   * @param found taken over.
   * @param expiresAtMs milliseconds since 1970.
   * @returns false when it is too large. Then it belongs to the caller still.
   */
  put(
    key: string,
    found: FoundSession,
    { expiresAtMs, leftMs }: { expiresAtMs: number; leftMs: number },
    owner: FleetCacheReport,
  ): boolean {
    this.delete(key);
    const bytes = entryBytes + key.length + lengthOf(found);
    if (bytes > this.#limitBytes) {
      return false;
    }
    const deadlineMs = this.#clock.monotonicMs() + leftMs;
    this.#entries.set(key, { found, bytes, expiresAtMs, deadlineMs, owner });
    this.#bytes += bytes;
    owner.nearEntries += 1;
    owner.nearBytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#limitBytes) {
        break;
      }
      this.#remove(oldest, entry);
    }
    this.#sweep.begin();
    return true;
  }

  /** @returns whether there was one that had not expired. */
  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      return false;
    }
    const isValid = !this.#hasExpired(entry);
    this.#remove(key, entry);
    return isValid;
  }

  /** Removes all sessions of one cache. */
  clear(owner: FleetCacheReport): void {
    this.#removeWhere((entry) => entry.owner === owner);
  }

  #removeExpired(): boolean {
    this.#removeWhere((entry) => this.#hasExpired(entry));
    return this.#entries.size > 0;
  }

  #removeWhere(mustGo: (entry: NearEntry) => boolean): void {
    for (const [key, entry] of this.#entries) {
      if (mustGo(entry)) {
        this.#remove(key, entry);
      }
    }
  }

  #hasExpired({ expiresAtMs, deadlineMs }: NearEntry): boolean {
    return (
      this.#clock.monotonicMs() >= deadlineMs || this.#clock.nowSeconds() * 1000 >= expiresAtMs
    );
  }

  #remove(key: string, { found, bytes, owner }: NearEntry): void {
    this.#entries.delete(key);
    this.#bytes -= bytes;
    owner.nearEntries -= 1;
    owner.nearBytes -= bytes;
    found.wipe();
  }
}
