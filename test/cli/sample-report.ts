/** What a busy daemon with nothing wrong reports. */
import type { Report } from '../../src/report/report.ts';
import { serviceTimeBounds } from '../../src/socket/service-times.ts';

export function sampleReport(): Report {
  const cache = {
    enabled: true,
    database: 'btree:/var/lib/postfix/smtpd_scache',
    type: 'btree',
    lifetimeSeconds: 3600,
    entries: 123_456,
    bytes: 200_000_000,
    sizeLimitBytes: 400_000_000,
    entryLimit: 0,
    hits: 9,
    misses: 1,
    evicted: 0,
  };
  return {
    schemaVersion: 1,
    problems: [],
    version: '1.2.3',
    node: 'v20.20.2',
    pid: 12_345,
    mode: 'daemon',
    serviceName: 'tlsmgr',
    hostname: 'mx.example.net',
    instance: 'postfix',
    configDirectory: '/etc/postfix',
    settings: { tlsmgr_connection_limit: 5000 },
    startedAt: new Date(2026, 10, 3, 6, 7, 8).toISOString(),
    uptimeSeconds: 273_906,
    caches: {
      smtpd: cache,
      smtp: { ...cache, entries: 0, bytes: 0, hits: 0, misses: 0 },
      lmtp: { enabled: false, database: '', type: '', lifetimeSeconds: 3600 },
    },
    tickets: {
      enabled: true,
      keys: [
        {
          fingerprint: '0123456789abcdef',
          ageSeconds: 60,
          sealsForSeconds: 1740,
          opensForSeconds: 3540,
        },
        {
          fingerprint: 'fedcba9876543210',
          ageSeconds: 1860,
          sealsForSeconds: -60,
          opensForSeconds: 1740,
        },
      ],
    },
    fleet: null,
    prng: {
      source: 'dev:/dev/urandom',
      sourceHealthy: true,
      sourceFailures: 0,
      lastReseedAgeSeconds: 120,
      reseeds: 7,
      refills: 1,
      bytesServed: 4096,
      exchangeFile: '/var/lib/postfix/prng_exch',
      exchangeUpdates: 3,
      exchangeHealthy: true,
    },
    rates: {
      overSeconds: 60,
      requestsPerSecond: 152.25,
      connectionsPerSecond: 0.4,
      byName: { seed: 70, lookup: 52, update: 30.25, policy: 0 },
      hitRatio: 0.91,
      p50Seconds: 0.00002,
      p99Seconds: 0.002,
    },
    requests: { total: 9_876_543, byName: {} },
    connections: {
      accepted: 100,
      open: 12,
      limit: 5000,
      transport: 'handle',
      sizeLimitHits: 0,
      timeLimitHits: 2,
      connectionLimitHits: 0,
      wakeups: 0,
    },
    serviceTimes: {
      timedOneIn: 32,
      samples: 0,
      sumSeconds: 0,
      buckets: serviceTimeBounds.map((upToSeconds) => ({ upToSeconds, samples: 0 })),
    },
    log: { warnings: 0, errors: 0, lastHour: { warnings: 0, errors: 0 }, last: null },
    process: { residentBytes: 65_000_000, processorSeconds: 99 },
    history: {
      everySeconds: 5,
      points: [],
      hour: {
        everySeconds: 60,
        ageSeconds: 0,
        requestsPerSecond: [],
        connectionsPerSecond: [],
        hitRatio: [],
        p99Seconds: [],
      },
    },
  };
}
