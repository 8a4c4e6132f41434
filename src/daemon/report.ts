/**
 * What the daemon tells of itself: the answer to `stats`, shown by `tlsmgr
 * status`. Counters and times only; no key, seed, id or session.
 */
import type { Config } from '../config/config.ts';
import type { Prng } from '../prng/prng.ts';
import type { CountsByStatus, RequestCounts } from '../requests/request-counts.ts';
import type { Caches } from '../sessions/caches.ts';
import { cacheLabels, type CacheLabel, type CacheStatistics } from '../sessions/session-cache.ts';
import type { ConnectionCounts } from '../socket/service.ts';
import type { KeyDescription, KeyRing } from '../tickets/key-ring.ts';
import { version } from '../version.ts';
import type { ProcessFigures } from './process-figures.ts';

/** How this process was started. */
export type ReportMode = 'daemon' | 'standalone';

export interface CacheReport extends Partial<CacheStatistics> {
  enabled: boolean;
  /** The parameter's value; empty when there is none. */
  database: string;
  /** `btree`, `internal` and the like; empty when there is no database. */
  type: string;
  lifetimeSeconds: number;
}

export interface Report {
  version: string;
  node: string;
  pid: number;
  mode: ReportMode;
  serviceName: string;
  startedAt: string;
  uptimeSeconds: number;
  caches: Record<CacheLabel, CacheReport>;
  tickets: { enabled: boolean; keys: KeyDescription[] };
  prng: ReturnType<Prng['statistics']>;
  requests: { total: number; byName: Record<string, CountsByStatus> };
  connections: ConnectionCounts;
  process: { residentBytes: number; processorSeconds: number };
}

export interface ReportSources {
  config: Config;
  caches: Caches;
  keys: KeyRing;
  prng: Prng;
  counts: RequestCounts;
  connections: ConnectionCounts;
  figures: ProcessFigures;
  mode: ReportMode;
}

export function makeReport(sources: ReportSources): Report {
  const { config, caches, keys, prng, counts, connections, figures, mode } = sources;
  const uptimeSeconds = process.uptime();
  return {
    version,
    node: process.version,
    pid: process.pid,
    mode,
    serviceName: config.serviceName,
    startedAt: new Date(Date.now() - uptimeSeconds * 1000).toISOString(),
    uptimeSeconds: Math.floor(uptimeSeconds),
    caches: Object.fromEntries(
      cacheLabels.map((label) => [label, reportOf(caches, label)]),
    ) as Record<CacheLabel, CacheReport>,
    tickets: { enabled: keys.enabled, keys: keys.describe() },
    prng: prng.statistics(),
    requests: { total: counts.total, byName: counts.byName() },
    connections: { ...connections },
    process: {
      residentBytes: figures.residentBytes(),
      processorSeconds: figures.processorSeconds(),
    },
  };
}

function reportOf(caches: Caches, label: CacheLabel): CacheReport {
  const { cache, database, type, lifetimeSeconds } = caches[label];
  return {
    enabled: cache !== undefined,
    database,
    type,
    lifetimeSeconds,
    ...cache?.statistics(),
  };
}
