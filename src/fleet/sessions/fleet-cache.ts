/**
 * A cache whose sessions are shared with the other hosts of the fleet. It stands in
 * front of the local cache of this host, which answers whatever it can:
 *
 * - lookup: the local cache; if it misses, the near map, the write queue, and then
 *   the engine (engine-lookups.ts). Trouble with the engine is a miss.
 * - update: the local cache. The client has its reply before the session goes to the
 *   engine (write-queue.ts). unshared.ts and fresh-table.ts say which sessions don't.
 * - delete: here, in the near map, in the write queue, and in the engine. The answer
 *   doesn't wait for the engine. It says whether this host had the session: in the
 *   local cache, in the near map, or in the write queue.
 * - flush and list: this host only. After a flush a look-up may still find a session
 *   in the engine.
 */
import { type CacheName, serverCacheName } from '../../config/cache-names.ts';
import type {
  ByteSpan,
  CacheLimits,
  CacheStatistics,
  EntryPage,
  SessionCache,
} from '../../sessions/session-cache.ts';
import type { Clock } from '../../system/clock.ts';
import { isLater, type MaybeLater } from '../../system/later.ts';
import type { Engine } from '../engine/engine.ts';
import type { FleetCacheReport } from '../report.ts';
import type { Seals } from '../seals.ts';
import { EngineLookups } from './engine-lookups.ts';
import { copyOf, FoundSession } from './found-session.ts';
import type { FreshTable } from './fresh-table.ts';
import type { NearMap } from './near-map.ts';
import { isOfThisHost, isTls13 } from './unshared.ts';
import type { WriteQueue } from './write-queue.ts';

/** What all caches of the process have in common. */
export interface FleetCacheParts {
  engine: Engine;
  seals: Seals;
  clock: Clock;
  near: NearMap;
  queue: WriteQueue;
  fresh: FreshTable;
  /** Whether smtpd(8) looks up its sessions of TLS 1.3, as it gives out no tickets. */
  sharesTls13: boolean;
  /** Tells that a value of the engine was not opened. */
  notOpened: () => void;
}

export interface FleetCacheOptions extends FleetCacheParts {
  label: CacheName;
  local: SessionCache;
  limits: CacheLimits;
  /** The counts of this cache, which go on when it is opened again. */
  counts: FleetCacheReport;
}

export class FleetCache implements SessionCache {
  readonly #options: FleetCacheOptions;
  readonly #local: SessionCache;
  readonly #lookups: EngineLookups;
  readonly #counts: FleetCacheReport;
  #lifetimeSeconds: number;
  #state: 'open' | 'closed' = 'open';

  constructor(options: FleetCacheOptions) {
    this.#options = options;
    this.#local = options.local;
    this.#lookups = new EngineLookups(options);
    this.#counts = options.counts;
    this.#lifetimeSeconds = options.limits.lifetimeSeconds;
  }

  lookup(id: ByteSpan): MaybeLater<ByteSpan | undefined> {
    const found = this.#local.lookup(id);
    if (found === undefined) {
      return this.#lookupElsewhere(id);
    }
    return isLater(found) ? this.#lookupLater(found, copyOf(id)) : found;
  }

  storedAtSeconds(found: ByteSpan): number {
    return found instanceof FoundSession
      ? found.storedAtSeconds
      : this.#local.storedAtSeconds(found);
  }

  update(id: ByteSpan, session: ByteSpan): MaybeLater<void> {
    const stored = this.#local.update(id, session);
    if (this.#state === 'open') {
      this.#share(id, session);
    }
    return stored;
  }

  delete(id: ByteSpan): MaybeLater<boolean> {
    const wasLocal = this.#local.delete(id);
    if (this.#state === 'closed') {
      return wasLocal;
    }
    const wasElsewhere = this.#deleteElsewhere(id);
    return isLater(wasLocal)
      ? wasLocal.then((was) => was || wasElsewhere)
      : wasLocal || wasElsewhere;
  }

  flush(): MaybeLater<number> {
    this.#forgetAll();
    return this.#local.flush();
  }

  list(cursor: string, limit: number): MaybeLater<EntryPage> {
    return this.#local.list(cursor, limit);
  }

  /** Those of the local cache. */
  statistics(): CacheStatistics {
    return this.#local.statistics();
  }

  /** What it counts besides. */
  report(): FleetCacheReport {
    return { ...this.#counts };
  }

  change(limits: CacheLimits): void {
    this.#local.change(limits);
    if (limits.lifetimeSeconds < this.#lifetimeSeconds) {
      // Those that are held here would live too long.
      this.#forgetAll();
    }
    this.#lifetimeSeconds = limits.lifetimeSeconds;
  }

  closeNow(): void {
    this.#state = 'closed';
    this.#forgetAll();
    this.#local.closeNow();
  }

  /** @returns a session that is lent, or one that is promised. */
  #lookupElsewhere(id: ByteSpan): MaybeLater<FoundSession | undefined> {
    if (this.#state === 'closed') {
      return undefined;
    }
    const text = textOf(id);
    if (isOfThisHost(text)) {
      return undefined;
    }
    const key = this.#keyOf(text);
    const held = this.#options.near.get(key) ?? this.#options.queue.get(key);
    if (held === 'removed') {
      this.#counts.engineMisses += 1;
      return undefined;
    }
    if (held !== undefined) {
      this.#counts.nearHits += 1;
      return held;
    }
    if (!this.#lookups.isOpen) {
      this.#counts.notAsked += 1;
      return undefined;
    }
    return this.#lookups.ask(key, copyOf(id), () => this.#lifetimeSeconds);
  }

  /** The local cache answers later. What this promises belongs to the caller. */
  async #lookupLater(
    local: Promise<ByteSpan | undefined>,
    id: ByteSpan,
  ): Promise<ByteSpan | undefined> {
    const found = await local;
    if (found !== undefined) {
      return found;
    }
    const other = this.#lookupElsewhere(id);
    return isLater(other) ? other : other?.copy();
  }

  #share(id: ByteSpan, session: ByteSpan): void {
    const { label, sharesTls13, fresh, near, queue } = this.#options;
    if (label === serverCacheName && !sharesTls13 && isTls13(session)) {
      this.#counts.notShared += 1;
      return;
    }
    const hash = fresh.hashOf(label, id);
    const isFresh = fresh.isFresh(hash);
    if (isFresh && near.size === 0 && this.#lookups.waiting === 0) {
      this.#counts.fresh += 1;
      return;
    }
    const text = textOf(id);
    const key = this.#keyOf(text);
    this.#forgetOlder(key);
    if (isFresh) {
      this.#counts.fresh += 1;
    } else if (isOfThisHost(text)) {
      this.#counts.notShared += 1;
    } else {
      queue.put({ key, label, hash, owner: this.#counts }, id, session, this.#lifetimeSeconds);
    }
  }

  /** @returns whether the near map or the queue had it. */
  #deleteElsewhere(id: ByteSpan): boolean {
    const text = textOf(id);
    if (isOfThisHost(text)) {
      return false;
    }
    const { label, fresh, queue } = this.#options;
    const key = this.#keyOf(text);
    const hash = fresh.hashOf(label, id);
    const wasNear = this.#forgetOlder(key);
    const wasQueued = queue.get(key) instanceof FoundSession;
    fresh.forget(hash);
    queue.put({ key, label, hash, owner: this.#counts }, id, undefined, this.#lifetimeSeconds);
    return wasNear || wasQueued;
  }

  /**
   * What the engine has said about an id, or is about to say, is older than what happens now.
   * @returns whether the near map had it.
   */
  #forgetOlder(key: string): boolean {
    this.#lookups.outdate(key);
    return this.#options.near.delete(key);
  }

  #forgetAll(): void {
    this.#lookups.outdateAll();
    this.#options.near.clear(this.#counts);
    this.#options.queue.clear(this.#counts);
  }

  #keyOf(text: string): string {
    return `${this.#options.label}\0${text}`;
  }
}

/** One character a byte, so that no two ids have the same text. */
function textOf({ buffer, start, end }: ByteSpan): string {
  return buffer.toString('latin1', start, end);
}
