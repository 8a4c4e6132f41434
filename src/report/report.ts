/**
 * The shape of what a running tlsmgr reports about itself: the answer to the
 * request `stats`, and what `tlsmgr status --json` prints. It holds counters
 * and times only, and no key, seed, id or session.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { TroubleReport } from '../log/troubles.ts';
import type { FleetReport } from '../fleet/report.ts';
import type { PrngStatistics } from '../prng/prng.ts';
import type { CountsByStatus } from '../requests/request-counts.ts';
import type { CacheStatistics } from '../sessions/session-cache.ts';
import type { ConnectionCounts } from '../socket/socket-server.ts';
import type { ServiceTimeReport } from '../socket/service-times.ts';
import type { TransportName } from '../socket/transport.ts';
import type { KeyDescription } from '../tickets/key-source.ts';
import type { HistoryReport, RateReport } from './history.ts';
import type { SettingsReport } from './settings.ts';

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

export interface Problem {
  /** `error`: something that main.cf asks for isn't served. */
  severity: 'error' | 'warning';
  /** For scripts: stays when the text changes. */
  name: ProblemName;
  text: string;
}

export type ProblemName =
  | 'cache-off'
  | 'cache-in-memory'
  | 'cache-too-small'
  | 'source-none'
  | 'source-failing'
  | 'exchange-failing'
  | 'parameter-refused'
  | 'key-file-unusable'
  | 'metrics-missing'
  | 'fleet-off'
  | 'engine-away'
  | 'engine-paused'
  | 'engine-refuses-writes'
  | 'fleet-differs'
  | 'fleet-clock';

/** Raised when a member of the report is removed or changes its meaning; new members don't raise it. */
export const schemaVersion = 1;

export interface Report {
  schemaVersion: number;
  /** What is wrong now, worst first; empty when all is well. */
  problems: Problem[];
  version: string;
  node: string;
  pid: number;
  mode: ReportMode;
  serviceName: string;
  /** myhostname. */
  hostname: string;
  /** syslog_name: what the lines of the log begin with, multi_instance_name where that is set. */
  instance: string;
  configDirectory: string;
  /** What the daemon goes by, by the names of the parameters. */
  settings: SettingsReport;
  startedAt: string;
  uptimeSeconds: number;
  caches: Record<CacheName, CacheReport>;
  tickets: { enabled: boolean; keys: KeyDescription[] };
  /** What is shared with other hosts; null: main.cf asks for nothing of it. */
  fleet: FleetReport | null;
  prng: PrngStatistics;
  rates: RateReport;
  requests: { total: number; byName: Record<string, CountsByStatus> };
  connections: ConnectionCounts & { limit: number; transport: TransportName | null };
  serviceTimes: ServiceTimeReport;
  log: TroubleReport;
  process: { residentBytes: number; processorSeconds: number };
  history: HistoryReport;
}
