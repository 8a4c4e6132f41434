/**
 * What is to be written to the engine, after the client has its reply. One queue
 * serves all caches of the process. It holds one entry an id: a session to store, or
 * a removal. A later one replaces an earlier one.
 *
 * While the engine is away or paused, entries wait. When the queue is full, the
 * oldest go. A removal that is larger than the whole queue is sent at once, or lost.
 * What is lost is counted, sessions and removals alike. A session is overwritten when
 * it leaves, and only its sealed form is under way.
 */
import type { CacheName } from '../../config/cache-names.ts';
import type { ByteSpan } from '../../sessions/session-cache.ts';
import type { Clock } from '../../system/clock.ts';
import type { Timer } from '../../system/timers.ts';
import type { Engine } from '../engine/engine.ts';
import type { FleetCacheReport } from '../report.ts';
import type { Seals } from '../seals.ts';
import { copiesOf, copyOf, FoundSession, lengthOf } from './found-session.ts';
import type { FreshTable } from './fresh-table.ts';
import { type Schedule, Sweep } from './sweep.ts';

/** What an entry is about, and whose it is. */
export interface Place {
  /** Of the cache and the id. */
  readonly key: string;
  readonly label: CacheName;
  /** Of the fresh table. */
  readonly hash: number;
  /** The cache's counts. */
  readonly owner: FleetCacheReport;
}

interface QueueEntry {
  readonly place: Place;
  readonly id: ByteSpan;
  /** Undefined: what the engine has is to be removed. */
  readonly session: FoundSession | undefined;
  /** By the monotonic clock, as the wall clock may be set while it waits. */
  readonly deadlineMs: number;
  readonly lifetimeSeconds: number;
  readonly bytes: number;
}

/** What an entry takes beside its key, its id and its session. */
const entryBytes = 500;
const mostEntries = 16_384;
/** Commands whose answers haven't come yet. */
const mostUnderWay = 32;
/** Bytes of them, unless there is only one. */
const mostBytesUnderWay = 262_144;
/** After a failure. Otherwise an engine that has just stopped would use up the whole queue. */
const restSeconds = 1;

export interface WriteQueueOptions {
  limitBytes: number;
  engine: Engine;
  seals: Seals;
  clock: Clock;
  fresh: FreshTable;
  schedule: Schedule;
  /** A command failed. */
  failed: (reason: unknown) => void;
}

export class WriteQueue {
  readonly #options: WriteQueueOptions;
  readonly #sweep: Sweep;
  /** In the order of arrival. */
  readonly #entries = new Map<string, QueueEntry>();
  #bytes = 0;
  #underWay = 0;
  #bytesUnderWay = 0;
  #isSendingSoon = false;
  #rest: Timer | undefined;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
    this.#sweep = new Sweep(options.schedule, () => this.#dropExpired());
  }

  /**
   * @returns the session that waits, lent until the next call; `removed` when what
   * the engine has is to be removed.
   */
  get(key: string): FoundSession | 'removed' | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      return undefined;
    }
    if (this.#leftMs(entry) <= 0) {
      this.#expire(entry);
      return undefined;
    }
    return entry.session ?? 'removed';
  }

  /**
   * Queues a copy of a session, or the removal of what the engine has.
   * @param session undefined: a removal.
   */
  put(place: Place, id: ByteSpan, session: ByteSpan | undefined, lifetimeSeconds: number): void {
    const { clock, limitBytes } = this.#options;
    const { key, owner } = place;
    const replaced = this.#entries.get(key);
    if (replaced !== undefined) {
      this.#take(replaced);
      replaced.session?.wipe();
    }
    const bytes = entryBytes + key.length + lengthOf(id) + lengthOf(session);
    const isTooLarge = bytes > limitBytes;
    if (isTooLarge && (session !== undefined || !this.#maySend())) {
      owner.dropped += 1;
      return;
    }
    const [ownId, ownSession] = session === undefined ? [copyOf(id)] : copiesOf(id, session);
    const entry: QueueEntry = {
      place,
      id: ownId,
      session: ownSession && new FoundSession(ownSession, clock.nowSeconds()),
      deadlineMs: clock.monotonicMs() + lifetimeSeconds * 1000,
      lifetimeSeconds,
      bytes,
    };
    if (isTooLarge) {
      void this.#send(entry, lifetimeSeconds * 1000);
      return;
    }
    this.#entries.set(key, entry);
    this.#bytes += bytes;
    owner.queueEntries += 1;
    owner.queueBytes += bytes;
    for (const oldest of this.#entries.values()) {
      if (this.#bytes <= limitBytes && this.#entries.size <= mostEntries) {
        break;
      }
      this.#drop(oldest);
    }
    this.#sweep.begin();
    this.resume();
  }

  /** Removes the sessions of one cache. Removals still go to the engine. */
  clear(owner: FleetCacheReport): void {
    for (const entry of this.#entries.values()) {
      if (entry.place.owner === owner && entry.session !== undefined) {
        this.#take(entry);
        entry.session.wipe();
      }
    }
  }

  /** Sends what the engine takes, when the replies of this turn of the event loop have left. */
  resume(): void {
    if (!this.#isSendingSoon && this.#entries.size > 0 && this.#maySend()) {
      this.#isSendingSoon = true;
      setImmediate(() => {
        this.#isSendingSoon = false;
        this.#sendSome();
      });
    }
  }

  #maySend(): boolean {
    const { connection, writes } = this.#options.engine;
    return (
      connection === 'up' &&
      writes === 'open' &&
      this.#rest === undefined &&
      this.#underWay < mostUnderWay &&
      (this.#underWay === 0 || this.#bytesUnderWay < mostBytesUnderWay)
    );
  }

  #sendSome(): void {
    for (const entry of this.#entries.values()) {
      if (!this.#maySend()) {
        return;
      }
      const leftMs = this.#leftMs(entry);
      if (leftMs <= 0) {
        this.#expire(entry);
      } else {
        this.#take(entry);
        void this.#send(entry, leftMs);
      }
    }
  }

  /** Never rejects. */
  async #send(entry: QueueEntry, leftMs: number): Promise<void> {
    const { engine, seals, clock, fresh, schedule, failed } = this.#options;
    const { place, id, session, lifetimeSeconds, bytes } = entry;
    const { label, hash, owner } = place;
    this.#underWay += 1;
    this.#bytesUnderWay += bytes;
    try {
      const keys = seals.sessionKeys(label, id);
      if (session === undefined) {
        await engine.unlink(keys);
      } else {
        const expiresAtMs = clock.nowSeconds() * 1000 + Math.floor(leftMs);
        const sealed = seals.sealSession(label, id, expiresAtMs, session);
        session.wipe();
        fresh.note(hash, leftMs, lifetimeSeconds);
        await engine.set(keys[0]!, sealed, expiresAtMs);
        owner.written += 1;
      }
    } catch (error) {
      if (session !== undefined) {
        session.wipe();
        fresh.forget(hash);
      }
      owner.dropped += 1;
      this.#rest ??= schedule(restSeconds, () => this.#endRest());
      failed(error);
    } finally {
      this.#underWay -= 1;
      this.#bytesUnderWay -= bytes;
      this.resume();
    }
  }

  #endRest(): void {
    this.#rest = undefined;
    this.resume();
  }

  #leftMs({ deadlineMs }: QueueEntry): number {
    return deadlineMs - this.#options.clock.monotonicMs();
  }

  #dropExpired(): boolean {
    for (const entry of this.#entries.values()) {
      if (this.#leftMs(entry) <= 0) {
        this.#expire(entry);
      }
    }
    return this.#entries.size > 0;
  }

  /** Removes an entry whose time is over. What a removal is about has expired in the engine as well. */
  #expire(entry: QueueEntry): void {
    this.#drop(entry, entry.session !== undefined);
  }

  /** Removes an entry that won't be written. */
  #drop(entry: QueueEntry, isLost = true): void {
    this.#take(entry);
    entry.session?.wipe();
    entry.place.owner.dropped += isLost ? 1 : 0;
  }

  #take({ place: { key, owner }, bytes }: QueueEntry): void {
    this.#entries.delete(key);
    this.#bytes -= bytes;
    owner.queueEntries -= 1;
    owner.queueBytes -= bytes;
  }
}
