/**
 * Puts together what the shared caches of this process have in common, and makes
 * such a cache around each local one that tlsmgr_fleet_caches names.
 */
import type { CacheName } from '../../config/cache-names.ts';
import { messageOf } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { CacheLimits, SessionCache } from '../../sessions/session-cache.ts';
import type { Clock } from '../../system/clock.ts';
import { type Engine, EngineError } from '../engine/engine.ts';
import type { FleetCacheReport } from '../report.ts';
import type { Seals } from '../seals.ts';
import { FleetCache, type FleetCacheParts } from './fleet-cache.ts';
import { FreshTable } from './fresh-table.ts';
import { NearMap } from './near-map.ts';
import { RareWarning } from './rare-warning.ts';
import type { Schedule } from './sweep.ts';
import { WriteQueue } from './write-queue.ts';

export interface SharingOptions {
  engine: Engine;
  seals: Seals;
  clock: Clock;
  log: Logger;
  /** The caches to share: tlsmgr_fleet_caches. */
  caches: readonly CacheName[];
  /** Explained at FleetCacheParts. */
  sharesTls13: boolean;
  /** Bytes, for all caches together. */
  nearSizeLimit: number;
  /** Bytes, for all caches together. */
  queueSizeLimit: number;
  /** `after` of system/timers.ts. */
  schedule: Schedule;
}

export class SessionSharing {
  readonly #caches: readonly CacheName[];
  readonly #parts: FleetCacheParts;
  readonly #counts = new Map<CacheName, FleetCacheReport>();

  constructor(options: SharingOptions) {
    const { engine, seals, clock, log, sharesTls13, schedule } = options;
    this.#caches = options.caches;
    const unopened = new RareWarning({ log, clock }, (count) => {
      return `fleet: value not opened (other secret, or damaged): ${count}`;
    });
    const unwritten = new RareWarning({ log, clock }, (count, reason) => {
      return `fleet: sessions not written: ${count}: ${reason}`;
    });
    const fresh = new FreshTable(clock);
    const near = new NearMap({ limitBytes: options.nearSizeLimit, clock, schedule });
    const queue = new WriteQueue({
      limitBytes: options.queueSizeLimit,
      engine,
      seals,
      clock,
      fresh,
      schedule,
      failed: (reason) => {
        // The engine itself tells what is wrong with it.
        if (!(reason instanceof EngineError)) {
          unwritten.tell(messageOf(reason));
        }
      },
    });
    const notOpened = (): void => unopened.tell('');
    this.#parts = { engine, seals, clock, near, queue, fresh, sharesTls13, notOpened };
    let before = engine.connection;
    engine.onChange(() => {
      if (engine.connection === 'up' && before !== 'up') {
        // It may have lost everything, or it is another server.
        fresh.clear();
      }
      before = engine.connection;
      queue.resume();
    });
  }

  /** @returns what serves in the place of a local cache that is being opened. */
  readonly share = (label: CacheName, local: SessionCache, limits: CacheLimits): SessionCache =>
    this.#caches.includes(label)
      ? new FleetCache({ ...this.#parts, label, local, limits, counts: this.#countsOf(label) })
      : local;

  /** Of the caches that are shared, or have been. */
  reports(): Record<CacheName, FleetCacheReport> {
    return Object.fromEntries([...this.#counts].map(([label, counts]) => [label, { ...counts }]));
  }

  #countsOf(label: CacheName): FleetCacheReport {
    const counts = this.#counts.get(label) ?? newFleetCounts();
    this.#counts.set(label, counts);
    return counts;
  }
}

export function newFleetCounts(): FleetCacheReport {
  return {
    nearHits: 0,
    engineHits: 0,
    engineMisses: 0,
    notAsked: 0,
    written: 0,
    dropped: 0,
    notShared: 0,
    fresh: 0,
    notOpened: 0,
    queueEntries: 0,
    queueBytes: 0,
    nearEntries: 0,
    nearBytes: 0,
  };
}
