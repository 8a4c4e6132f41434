/**
 * Every metric in one table: its name, type, labels and help as Prometheus
 * shows them, and where its values come from in the report. Names follow
 * https://prometheus.io/docs/practices/naming/: base units, `_total` for what
 * only grows. docs/metrics.md has the same table, and a test holds them
 * together. A value that the report doesn't have (a cache that is off) is left
 * out.
 */
import type { Report } from '../report/report.ts';
import { fleetMetrics } from './fleet-table.ts';
import { each, type Metric, perCache, sample, single } from './metric.ts';

function startSeconds(report: Report): number {
  return Math.round(Date.parse(report.startedAt) / 1000);
}

/** 12 hex digits: a number of JSON has room for no more. */
function keyNumber(fingerprint: string | undefined): number | undefined {
  return fingerprint === undefined ? undefined : Number.parseInt(fingerprint.slice(0, 12), 16);
}

export const metrics: readonly Metric[] = [
  {
    name: 'tlsmgr_build_info',
    type: 'gauge',
    help: 'Versions of tlsmgr and of Node.js; always 1.',
    labels: ['version', 'node'],
    read: ({ report: { version, node } }) => sample({ version, node }, 1),
  },
  each('gauge', 'tlsmgr_problems', 'severity', 'What is wrong now.', ({ problems }) => {
    const count = (which: string): number =>
      problems.filter(({ severity }) => severity === which).length;
    return { error: count('error'), warning: count('warning') };
  }),
  {
    name: 'tlsmgr_requests_total',
    type: 'counter',
    help: 'Requests answered.',
    labels: ['request', 'status'],
    read: ({ report }) =>
      Object.entries(report.requests.byName).flatMap(([request, counts]) =>
        Object.entries(counts).flatMap(([status, value]) => sample({ request, status }, value)),
      ),
  },
  {
    name: 'tlsmgr_service_time_seconds',
    type: 'histogram',
    help: 'From the arrival of requests to the write of the replies; one read in 32 is timed.',
    labels: [],
    read: ({ report }) => report.serviceTimes,
  },

  single('gauge', 'tlsmgr_connections_open', 'Connections now.', ({ report }) => {
    return report.connections.open;
  }),
  single('gauge', 'tlsmgr_connections_limit', 'The most at one time.', ({ report }) => {
    return report.connections.limit;
  }),
  single('counter', 'tlsmgr_connections_accepted_total', 'Connections accepted.', ({ report }) => {
    return report.connections.accepted;
  }),
  each(
    'counter',
    'tlsmgr_limit_hits_total',
    'limit',
    'Connections closed for a limit.',
    ({ connections }) => ({
      size: connections.sizeLimitHits,
      time: connections.timeLimitHits,
      connections: connections.connectionLimitHits,
    }),
  ),
  {
    name: 'tlsmgr_transport_info',
    type: 'gauge',
    help: 'What connections are served through: handle or socket; always 1.',
    labels: ['transport'],
    read: ({ report: { connections } }) =>
      connections.transport === null ? [] : sample({ transport: connections.transport }, 1),
  },
  single('counter', 'tlsmgr_wakeups_total', "Calls of master(8)'s timer.", ({ report }) => {
    return report.connections.wakeups;
  }),

  perCache('gauge', 'tlsmgr_cache_enabled', 'Whether the cache serves.', (c) => c.enabled),
  perCache('gauge', 'tlsmgr_cache_entries', 'Sessions held.', (c) => c.entries),
  perCache(
    'gauge',
    'tlsmgr_cache_limit_entries',
    'The most sessions that it may hold; missing when only bytes are limited.',
    (c) => c.entryLimit || undefined,
  ),
  perCache('gauge', 'tlsmgr_cache_bytes', 'Ids and sessions held.', (c) => c.bytes),
  perCache(
    'gauge',
    'tlsmgr_cache_limit_bytes',
    'The most bytes that it may hold.',
    (c) => c.sizeLimitBytes,
  ),
  perCache('gauge', 'tlsmgr_cache_lifetime_seconds', 'Of a session.', (c) => c.lifetimeSeconds),
  perCache('counter', 'tlsmgr_cache_hits_total', 'Look-ups that found a session.', (c) => c.hits),
  perCache('counter', 'tlsmgr_cache_misses_total', 'Look-ups that found none.', (c) => c.misses),
  perCache('counter', 'tlsmgr_cache_stored_total', 'Sessions stored.', (c) => c.stored),
  perCache(
    'counter',
    'tlsmgr_cache_replaced_total',
    'Sessions stored in the place of one of the same id.',
    (c) => c.replaced,
  ),
  perCache(
    'counter',
    'tlsmgr_cache_deleted_total',
    'Sessions deleted by a client.',
    (c) => c.deleted,
  ),
  perCache(
    'counter',
    'tlsmgr_cache_expired_total',
    'Sessions removed at the end of their lifetime.',
    (c) => c.expired,
  ),
  perCache(
    'counter',
    'tlsmgr_cache_evicted_total',
    'Sessions removed for room while still valid.',
    (c) => c.evicted,
  ),
  perCache(
    'gauge',
    'tlsmgr_cache_memory_bytes',
    'Memory that the cache occupies.',
    (c) => c.memoryBytes,
  ),
  perCache(
    'gauge',
    'tlsmgr_cache_file_bytes',
    'Size of its file; 0 without one.',
    (c) => c.fileBytes,
  ),
  perCache(
    'gauge',
    'tlsmgr_cache_file_healthy',
    "0 while the cache's file can't be written.",
    (c) => c.fileHealthy,
  ),

  single('gauge', 'tlsmgr_ticket_keys', 'Keys that seal or open tickets.', ({ report }) => {
    return report.tickets.keys.length;
  }),
  single('gauge', 'tlsmgr_ticket_key_age_seconds', 'Of the newest key.', ({ report }) => {
    return report.tickets.keys[0]?.ageSeconds;
  }),
  single(
    'gauge',
    'tlsmgr_ticket_key_rotation_seconds',
    'Until new tickets get another key; negative when nobody asked for one since.',
    ({ report }) => report.tickets.keys[0]?.sealsForSeconds,
  ),
  single(
    'gauge',
    'tlsmgr_ticket_key_number',
    'Of the key that seals, out of its fingerprint: hosts that seal with the same key have the same number.',
    ({ report }) => keyNumber(report.tickets.keys[0]?.fingerprint),
  ),
  ...fleetMetrics,

  single(
    'counter',
    'tlsmgr_prng_served_bytes_total',
    'Random bytes given out: seeds, ticket keys, the exchange file.',
    ({ report }) => {
      return report.prng.bytesServed;
    },
  ),
  single(
    'counter',
    'tlsmgr_prng_reseeds_total',
    'Reads of the entropy source that succeeded.',
    ({ report }) => report.prng.reseeds,
  ),
  single(
    'counter',
    'tlsmgr_prng_source_failures_total',
    'Reads of the entropy source that failed.',
    ({ report }) => report.prng.sourceFailures,
  ),
  single(
    'gauge',
    'tlsmgr_prng_source_healthy',
    'Whether the last read of the entropy source succeeded.',
    ({ report }) => report.prng.sourceHealthy,
  ),
  single(
    'gauge',
    'tlsmgr_prng_reseed_age_seconds',
    'Since the last read; missing before the first.',
    ({ report }) => report.prng.lastReseedAgeSeconds,
  ),
  single(
    'counter',
    'tlsmgr_prng_refills_total',
    "Refills of the generator's buffer.",
    ({ report }) => report.prng.refills,
  ),
  single(
    'counter',
    'tlsmgr_prng_exchange_updates_total',
    'Writes of the exchange file.',
    ({ report }) => report.prng.exchangeUpdates,
  ),
  single(
    'gauge',
    'tlsmgr_prng_exchange_healthy',
    'Whether the last write of the exchange file succeeded.',
    ({ report }) => report.prng.exchangeHealthy,
  ),

  each('counter', 'tlsmgr_log_messages_total', 'severity', 'Lines logged.', ({ log }) => ({
    warning: log.warnings,
    error: log.errors,
  })),

  single(
    'gauge',
    'tlsmgr_event_loop_delay_mean_seconds',
    'How late timers come: the mean of the last half minute.',
    ({ loopDelay }) => loopDelay?.meanSeconds,
  ),
  single(
    'gauge',
    'tlsmgr_event_loop_delay_p99_seconds',
    'The same: what 99 of 100 stay within.',
    ({ loopDelay }) => loopDelay?.p99Seconds,
  ),
  single(
    'gauge',
    'tlsmgr_event_loop_delay_max_seconds',
    'The same: the latest.',
    ({ loopDelay }) => loopDelay?.maxSeconds,
  ),

  single('gauge', 'process_start_time_seconds', 'Start of the process since 1970.', ({ report }) =>
    startSeconds(report),
  ),
  single('counter', 'process_cpu_seconds_total', 'Processor time used.', ({ report }) => {
    return report.process.processorSeconds;
  }),
  single(
    'gauge',
    'process_resident_memory_bytes',
    'Memory of the process; missing when it is not known.',
    ({ report }) => report.process.residentBytes || undefined,
  ),
  single('gauge', 'process_open_fds', 'Descriptors of the process.', ({ openFiles }) => openFiles),
];
