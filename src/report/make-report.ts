/** Makes the report from the parts of a running tlsmgr. */
import type { Config } from '../config/config.ts';
import type { FleetReport } from '../fleet/report.ts';
import type { TroubleReport } from '../log/troubles.ts';
import type { Prng } from '../prng/prng.ts';
import type { RequestCounts } from '../requests/request-counts.ts';
import type { Caches, ServedCache } from '../sessions/caches.ts';
import type { SocketServer } from '../socket/socket-server.ts';
import type { KeySource } from '../tickets/key-source.ts';
import { version } from '../version.ts';
import { problemsOf } from './health.ts';
import type { History } from './history.ts';
import type { ProcessFigures } from './process-figures.ts';
import { type CacheReport, type Report, type ReportMode, schemaVersion } from './report.ts';
import type { SettingsReport } from './settings.ts';

export interface ReportSources {
  config: Config;
  settings: SettingsReport;
  caches: Caches;
  keys: KeySource;
  prng: Prng;
  counts: RequestCounts;
  socketServer: SocketServer;
  history: History;
  log: { readonly troubles: { report(): TroubleReport } };
  figures: ProcessFigures;
  mode: ReportMode;
  /** Why metrics that main.cf asks for can't be read; empty when they can be. */
  metricsFault: () => string;
  /** Undefined: main.cf asks for nothing that is shared with other hosts. */
  fleet?: { report(): FleetReport } | undefined;
}

export function makeReport(sources: ReportSources): Report {
  const { config, caches, keys, prng, counts, socketServer, history, log, figures, mode } = sources;
  const uptimeSeconds = process.uptime();
  const cacheReports = Object.fromEntries(
    caches.all.map((served) => [served.label, reportOf(served)]),
  );
  const pool = prng.statistics();
  const fleet = sources.fleet?.report() ?? null;
  return {
    schemaVersion,
    problems: problemsOf({
      caches: cacheReports,
      prng: pool,
      fleet,
      faults: config.faults,
      keyFault: caches.keyFault,
      metricsFault: sources.metricsFault(),
      evictedOfLate: (label) => history.evictedOfLate(label),
      cacheFault: (label) => caches.all.find((one) => one.label === label)?.fault ?? '',
    }),
    version,
    node: process.version,
    pid: process.pid,
    mode,
    serviceName: config.serviceName,
    hostname: config.log.hostname,
    instance: config.log.syslogName,
    configDirectory: config.configDirectory,
    settings: sources.settings,
    startedAt: new Date(Date.now() - uptimeSeconds * 1000).toISOString(),
    uptimeSeconds: Math.floor(uptimeSeconds),
    caches: cacheReports,
    tickets: { enabled: keys.state === 'serving', keys: keys.describe() },
    fleet,
    prng: pool,
    rates: history.rates(),
    requests: { total: counts.total, byName: counts.byName() },
    connections: {
      ...socketServer.counts,
      limit: socketServer.connectionLimit,
      transport: socketServer.transport,
    },
    serviceTimes: socketServer.serviceTimes.report(),
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
