/** The shape of what a host reports about its fleet. It holds no secret, key, id or session. */
import type { CacheName } from '../config/cache-names.ts';
import type { EngineReport } from './engine/engine.ts';

export type SharedKeysState =
  /** The engine hasn't been read yet; the first request for a key waits for it. */
  | 'starting'
  /** Keys are known, and none is confirmed: not all hosts have them yet. */
  | 'joining'
  /** A confirmed random key of this period seals. */
  | 'sharing'
  /** A key that continues an older one seals: the engine was away when this period's was due. */
  | 'continuing'
  /** The engine hasn't been read since the start; this host's own keys seal. */
  | 'alone'
  /** No ticket is sealed: the smtpd session lifetime is 0. */
  | 'off'
  | 'closed';

export interface FleetKeysReport {
  /** tlsmgr_ticket_keys. */
  source: 'shared' | 'derived' | 'shared, derived';
  /** For `derived` always `sharing`. */
  state: SharedKeysState;
  periodSeconds: number;
  period: number;
  periodEndsInSeconds: number;
  /** Keys held, and those of them that all hosts have. */
  known: number;
  confirmed: number;
  /** Since the last exchange with the engine that succeeded; null: none has. */
  exchangedBeforeSeconds: number | null;
  counts: {
    exchanges: number;
    failedExchanges: number;
    /** Random keys made here. */
    made: number;
    /** Keys that the engine had lost. */
    putBack: number;
    /** Values of the engine that no secret opens. */
    notOpened: number;
  };
}

export interface FleetCacheReport {
  /** Look-ups that missed here and were found in the near map or in the write queue. */
  nearHits: number;
  /** Look-ups that missed here and were found in the engine. */
  engineHits: number;
  engineMisses: number;
  /** Look-ups that could not ask the engine, or had no answer in time. */
  notAsked: number;
  /** Sessions written to the engine. */
  written: number;
  /** Sessions and removals that left the queue unwritten, the oldest first, or that the engine refused. */
  dropped: number;
  /** Sessions that aren't written: they are never looked up, or their id is of this host alone. */
  notShared: number;
  /** Sessions that aren't written as the engine's copy has most of its life left. */
  fresh: number;
  /** Values that no secret opens. */
  notOpened: number;
  queueEntries: number;
  queueBytes: number;
  nearEntries: number;
  nearBytes: number;
}

export interface FleetHost {
  host: string;
  /** Empty when it is not known. Hosts of other key sets have other ticket keys. */
  keySet: string;
  version: string;
  secondsAgo: number;
  away: boolean;
  /** What differs from this host, in words: `smtpd_tls_session_cache_timeout 7200s, here 3600s`. */
  differs: string[];
}

export interface FleetWarning {
  /** `engine-settings` is advice: nothing is less well served. The others are problems. */
  name: 'fleet-differs' | 'fleet-clock' | 'engine-settings';
  /** In words; names the host where it is about another one. */
  text: string;
}

export interface FleetReport {
  /** tlsmgr_fleet_host. */
  host: string;
  keySet: string;
  /** Why what main.cf asks for isn't in use, so that this host stands alone; empty when it is. */
  fault: string;
  keys: FleetKeysReport | null;
  engine: EngineReport | null;
  caches: Record<CacheName, FleetCacheReport>;
  /** Other hosts, by their heartbeats: 100 at most, those that differ or are away first. */
  hosts: FleetHost[];
  /** Of all other hosts. */
  hostCounts: { seen: number; away: number; differing: number };
  /** This host's clock less the engine's, milliseconds, right to half a second; null: not known. */
  clockDifferenceMs: number | null;
  warnings: FleetWarning[];
}
