import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { problemsOf, type Vitals } from '../../src/report/health.ts';
import type { FleetReport } from '../../src/fleet/report.ts';
import type { CacheReport, Problem } from '../../src/report/report.ts';
import { sampleFleet } from '../cli/sample-fleet.ts';

function vitals(): Vitals {
  const cache: CacheReport = {
    enabled: true,
    database: 'btree:/x/smtpd_scache',
    type: 'btree',
    lifetimeSeconds: 3600,
    fileHealthy: true,
  };
  return {
    caches: {
      smtpd: { ...cache },
      smtp: { ...cache },
      lmtp: { enabled: false, database: '', type: '', lifetimeSeconds: 3600 },
    },
    prng: {
      source: 'dev:/dev/urandom',
      sourceHealthy: true,
      sourceFailures: 0,
      lastReseedAgeSeconds: 1,
      reseeds: 1,
      refills: 1,
      bytesServed: 1,
      exchangeFile: '/x/prng_exch',
      exchangeUpdates: 1,
      exchangeHealthy: true,
    },
    fleet: null,
    evictedOfLate: () => 0,
    cacheFault: () => '',
    faults: [],
    keyFault: '',
    metricsFault: '',
  };
}

describe('what is wrong now', () => {
  test('nothing, with a cache that nobody asked for', () => {
    assert.deepEqual(problemsOf(vitals()), []);
  });

  test('a key file that can not be used is told once, for all caches', () => {
    const broken = vitals();
    broken.caches['smtpd']!.fileHealthy = false;
    broken.keyFault = 'tlsmgr_session_cache_key_file = /x: why';
    assert.deepEqual(problemsOf(broken), [
      {
        severity: 'error',
        name: 'key-file-unusable',
        text: 'tlsmgr_session_cache_key_file = /x: why: session caches with a file are in memory only',
      },
    ]);
  });

  test('each fault is told with the parameter to look at, errors first', () => {
    const broken = vitals();
    broken.prng.sourceHealthy = false;
    broken.prng.exchangeHealthy = false;
    broken.caches['smtpd']!.fileHealthy = false;
    broken.caches['smtp']!.enabled = false;
    broken.faults = [{ name: 'tlsmgr_request_time_limit', message: 'x', text: '' }];
    broken.metricsFault = '127.0.0.1:1: x';
    broken.evictedOfLate = (label) => (label === 'smtp' ? 12 : 0);
    const problems = problemsOf(broken);
    assert.deepEqual(
      problems.map(({ severity, text }) => [severity, /\((\w+)\)$/u.exec(text)?.[1]]),
      [
        ['error', 'tlsmgr_request_time_limit'],
        ['error', 'smtp_tls_session_cache_database'],
        ['warning', 'tls_random_source'],
        ['warning', 'tls_random_exchange_name'],
        ['warning', 'smtpd_tls_session_cache_database'],
        ['warning', 'tlsmgr_metrics_listen'],
        ['warning', 'smtp_tls_session_cache_size_limit'],
      ],
    );
  });

  test('no source at all is told too, and a lifetime of 0 is a wish', () => {
    const odd = vitals();
    odd.prng.source = '';
    odd.caches['smtpd'] = { ...odd.caches['smtpd']!, enabled: false, lifetimeSeconds: 0 };
    assert.deepEqual(
      problemsOf(odd).map(({ severity }) => severity),
      ['warning'],
    );
  });
});

describe('what is wrong with a fleet', () => {
  const broken = (change: (fleet: FleetReport) => void): Problem[] => {
    const fleet = sampleFleet();
    change(fleet);
    return problemsOf({ ...vitals(), fleet });
  };

  test('nothing, with a host that is away and advice about the engine', () => {
    const problems = broken((fleet) => {
      fleet.warnings = [{ name: 'engine-settings', text: 'engine A writes its data to disk' }];
    });
    assert.deepEqual(problems, []);
  });

  test('what main.cf asks for and nobody gives is an error', () => {
    for (const [fault, text] of [
      ['tlsmgr_fleet_secret_file = /x: no', '/x: no (tlsmgr_fleet_secret_file)'],
      ['tlsmgr_fleet_engine = redis:/x: no', 'redis:/x: no (tlsmgr_fleet_engine)'],
      ['something else', 'something else (tlsmgr_fleet_engine)'],
    ] as const) {
      assert.deepEqual(
        broken((fleet) => Object.assign(fleet, { fault, engine: null, keys: null, caches: {} })),
        [
          {
            severity: 'error',
            name: 'fleet-off',
            text: `nothing is shared with other hosts: ${text}`,
          },
        ],
      );
    }
  });

  test('an engine that is away is told with what follows for tickets', () => {
    for (const [keys, consequence] of [
      [null, 'sessions of other hosts are not found'],
      [{ source: 'derived' }, 'sessions of other hosts are not found'],
      [{ state: 'off' }, 'sessions of other hosts are not found'],
      [{ state: 'sharing' }, 'ticket keys go on from those that are known'],
      [{ state: 'continuing' }, 'ticket keys go on from those that are known'],
      [{ state: 'alone' }, 'no other host opens the tickets of this one'],
      [
        { state: 'alone', source: 'shared, derived' },
        'ticket keys are derived from the secret meanwhile',
      ],
    ] as const) {
      const problems = broken((fleet) => {
        Object.assign(fleet.engine!, {
          connection: 'away',
          reason: 'refused',
          reads: 'paused',
          writes: 'paused',
        });
        fleet.keys = keys === null ? null : { ...fleet.keys!, ...keys };
      });
      assert.deepEqual(
        problems.map(({ severity, name, text }) => [severity, name, text]),
        [
          [
            'warning',
            'engine-away',
            `engine redis.example.net:6379 is away: refused: ${consequence} (tlsmgr_fleet_engine)`,
          ],
        ],
      );
    }
    assert.deepEqual(
      broken((fleet) => Object.assign(fleet.engine!, { connection: 'opening' })),
      [],
    );
  });

  test('an engine that is slow or full, hosts that differ, and the clock are warnings', () => {
    const problems = broken((fleet) => {
      Object.assign(fleet.engine!, { reads: 'paused', writes: 'paused', reason: 'OOM' });
      fleet.warnings = [
        { name: 'fleet-differs', text: 'mx2 has OpenSSL 1, here 2' },
        { name: 'fleet-clock', text: "clock is 74s ahead of the engine's" },
      ];
    });
    assert.deepEqual(
      problems.map(({ severity, name, text }) => `${severity} ${name}: ${text}`),
      [
        'warning engine-paused: engine redis.example.net:6379 is too slow: no session is looked up there (tlsmgr_fleet_engine)',
        'warning engine-refuses-writes: engine redis.example.net:6379 refuses writes: OOM (tlsmgr_fleet_engine)',
        'warning fleet-differs: fleet: mx2 has OpenSSL 1, here 2',
        "warning fleet-clock: fleet: this host's clock is 74s ahead of the engine's",
      ],
    );
  });
});

describe('docs/operations.md', () => {
  test('explains each of these texts, and no others', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    const documented = [...page.matchAll(/^\| (?:error|warning) \| `([^`]+)` \|/gmu)].map(
      ([, text]) => text!,
    );
    const source = ['health', 'fleet-health']
      .map((name) => join(import.meta.dirname, `../../src/report/${name}.ts`))
      .map((path) => readFileSync(path, 'utf8'))
      .join('\n');
    const coded = [
      ...source.matchAll(/text:\s+(?:`((?:[^`$]|\$\{[^}]*\})*)`|'([^']*)'|"([^"]*)")/gu),
    ].map(([, ...texts]) => texts.find((text) => text !== undefined)!);
    const shape = (text: string): string =>
      text.replaceAll(
        /\$\{(?:[^{}]|\{[^}]*\})*\}|\b(?:LABEL|DATABASE|PARAMETER|FAULT|SOURCE|PATH|ENGINE|CONSEQUENCE|TEXT|N)\b/gu,
        '*',
      );
    assert.equal(coded.length, 15);
    assert.deepEqual(documented.map(shape).toSorted(), coded.map(shape).toSorted());
  });
});
