import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { problemsOf, type Vitals } from '../../src/report/health.ts';
import type { CacheReport } from '../../src/report/report.ts';

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

describe('docs/operations.md', () => {
  test('explains each of these texts, and no others', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    const documented = [...page.matchAll(/^\| (?:error|warning) \| `([^`]+)` \|/gmu)].map(
      ([, text]) => text!,
    );
    const source = readFileSync(join(import.meta.dirname, '../../src/report/health.ts'), 'utf8');
    const coded = [
      ...source.matchAll(/text:\s+(?:`((?:[^`$]|\$\{[^}]*\})*)`|'([^']*)'|"([^"]*)")/gu),
    ].map(([, ...texts]) => texts.find((text) => text !== undefined)!);
    const shape = (text: string): string =>
      text.replaceAll(
        /\$\{(?:[^{}]|\{[^}]*\})*\}|\b(?:LABEL|DATABASE|PARAMETER|FAULT|SOURCE|PATH|N)\b/gu,
        '*',
      );
    assert.equal(coded.length, 9);
    assert.deepEqual(documented.map(shape).toSorted(), coded.map(shape).toSorted());
  });
});
