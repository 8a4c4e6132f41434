/**
 * What the daemon tells of itself: the answer to `stats`, shown by `tlsmgr
 * status`. Counters and times only; no key, seed, id or session.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { Config } from '../config/config.ts';
import type { Prng } from '../prng/prng.ts';
import type { CountsByStatus, RequestCounts } from '../requests/request-counts.ts';
import type { TroubleReport } from '../log/troubles.ts';
import type { Caches, ServedCache } from '../sessions/caches.ts';
import type { CacheStatistics } from '../sessions/session-cache.ts';
import type { ConnectionCounts, Service } from '../socket/service.ts';
import type { ServiceTimeReport } from '../socket/service-times.ts';
import type { TransportName } from '../socket/transport.ts';
import type { KeyDescription, KeyRing } from '../tickets/key-ring.ts';
import { version } from '../version.ts';
import { type Problem, problemsOf } from './health.ts';
export type { HistoryPoint } from './history.ts';
import type { History, HistoryReport, RateReport } from './history.ts';
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

/** Changes when a member goes or changes its meaning; new members don't change it. */
const schemaVersion = 1;

export interface Report {
  schemaVersion: number;
  /** What is wrong now, worst first; empty when all is well. */
  problems: Problem[];
  version: string;
  node: string;
  pid: number;
  mode: ReportMode;
  serviceName: string;
  startedAt: string;
  uptimeSeconds: number;
  caches: Record<CacheName, CacheReport>;
  tickets: { enabled: boolean; keys: KeyDescription[] };
  prng: ReturnType<Prng['statistics']>;
  rates: RateReport;
  requests: { total: number; byName: Record<string, CountsByStatus> };
  connections: ConnectionCounts & { limit: number; transport: TransportName | null };
  serviceTimes: ServiceTimeReport;
  log: TroubleReport;
  process: { residentBytes: number; processorSeconds: number };
  history: HistoryReport;
}

export interface ReportSources {
  config: Config;
  caches: Caches;
  keys: KeyRing;
  prng: Prng;
  counts: RequestCounts;
  service: Service;
  history: History;
  log: { readonly troubles: { report(): TroubleReport } };
  figures: ProcessFigures;
  mode: ReportMode;
}

export function makeReport(sources: ReportSources): Report {
  const { config, caches, keys, prng, counts, service, history, log, figures, mode } = sources;
  const uptimeSeconds = process.uptime();
  const cacheReports = Object.fromEntries(
    caches.all.map((served) => [served.label, reportOf(served)]),
  );
  const pool = prng.statistics();
  return {
    schemaVersion,
    problems: problemsOf({
      caches: cacheReports,
      prng: pool,
      faults: config.faults,
      keyFault: caches.keyFault,
      evictedOfLate: (label) => history.evictedOfLate(label),
    }),
    version,
    node: process.version,
    pid: process.pid,
    mode,
    serviceName: config.serviceName,
    startedAt: new Date(Date.now() - uptimeSeconds * 1000).toISOString(),
    uptimeSeconds: Math.floor(uptimeSeconds),
    caches: cacheReports,
    tickets: { enabled: keys.enabled, keys: keys.describe() },
    prng: pool,
    rates: history.rates(),
    requests: { total: counts.total, byName: counts.byName() },
    connections: {
      ...service.counts,
      limit: service.connectionLimit,
      transport: service.transport,
    },
    serviceTimes: service.serviceTimes.report(),
    log: log.troubles.report(),
    process: {
      residentBytes: figures.residentBytes(),
      processorSeconds: figures.processorSeconds(),
    },
    history: history.report(),
  };
}

function reportOf({ cache, database, type, lifetimeSeconds }: ServedCache): CacheReport {
  return {
    enabled: cache !== undefined,
    database,
    type,
    lifetimeSeconds,
    ...cache?.statistics(),
  };
}
