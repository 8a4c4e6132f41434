/** What a daemon of a fleet of three reports about it, with nothing wrong. */
import type { FleetReport } from '../../src/fleet/report.ts';
import type { KeyDescription } from '../../src/tickets/key-source.ts';

export function sampleFleet(): FleetReport {
  return {
    host: 'mx1.example.net',
    keySet: 'tlsmgr',
    fault: '',
    keys: {
      source: 'shared',
      state: 'sharing',
      periodSeconds: 1800,
      period: 985_432,
      periodEndsInSeconds: 1140,
      known: 6,
      confirmed: 5,
      exchangedBeforeSeconds: 12,
      counts: { exchanges: 500, failedExchanges: 2, made: 9, putBack: 1, notOpened: 0 },
    },
    engine: {
      name: 'redis:/etc/postfix/tlsmgr-fleet.cf',
      server: 'redis.example.net:6379',
      connection: 'up',
      reads: 'open',
      writes: 'open',
      reason: '',
      sinceSeconds: 90_000,
      latencyMs: { p50: 0.42, p99: 1.25 },
      counts: { reads: 4000, late: 3, writes: 2500, failed: 4, reconnects: 1 },
    },
    caches: {
      smtp: {
        nearHits: 100,
        engineHits: 2900,
        engineMisses: 990,
        notAsked: 10,
        written: 2400,
        dropped: 0,
        notShared: 0,
        fresh: 700,
        notOpened: 0,
        queueEntries: 1,
        queueBytes: 2000,
        nearEntries: 50,
        nearBytes: 100_000,
      },
      smtpd: {
        nearHits: 0,
        engineHits: 0,
        engineMisses: 0,
        notAsked: 0,
        written: 100,
        dropped: 0,
        notShared: 5000,
        fresh: 0,
        notOpened: 0,
        queueEntries: 0,
        queueBytes: 0,
        nearEntries: 0,
        nearBytes: 0,
      },
    },
    hosts: [
      {
        host: 'mx2.example.net',
        keySet: 'tlsmgr',
        version: '1.2.3',
        secondsAgo: 14,
        away: false,
        differs: [],
      },
      {
        host: 'mx3.example.net',
        keySet: 'tlsmgr',
        version: '1.2.2',
        secondsAgo: 330,
        away: true,
        differs: ['OpenSSL 3.0.16, here 3.0.17'],
      },
    ],
    hostCounts: { seen: 2, away: 1, differing: 0 },
    clockDifferenceMs: -500,
    warnings: [],
  };
}

export function sharedKey(): KeyDescription {
  return {
    fingerprint: '0123456789abcdef',
    ageSeconds: 660,
    sealsForSeconds: 1140,
    opensForSeconds: 3240,
    origin: 'random',
    confirmed: true,
    madeBy: 'mx2.example.net',
  };
}
