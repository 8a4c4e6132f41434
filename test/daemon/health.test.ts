import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { problemsOf, type Vitals } from '../../src/daemon/health.ts';
import type { CacheReport } from '../../src/daemon/report.ts';

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
    evictedOfLate: 0,
  };
}

describe('what is wrong now', () => {
  test('nothing, with a cache that nobody asked for', () => {
    assert.deepEqual(problemsOf(vitals()), []);
  });

  test('each fault is told with the parameter to look at, errors first', () => {
    const broken = vitals();
    broken.prng.sourceHealthy = false;
    broken.prng.exchangeHealthy = false;
    broken.caches.smtpd.fileHealthy = false;
    broken.caches.smtp.enabled = false;
    broken.evictedOfLate = 12;
    const problems = problemsOf(broken);
    assert.deepEqual(
      problems.map(({ severity, text }) => [
        severity,
        /\((?:\S+ )?(\w+)[^()]*\)$/u.exec(text)?.[1],
      ]),
      [
        ['error', 'smtp_tls_session_cache_database'],
        ['warning', 'tls_random_source'],
        ['warning', 'tls_random_exchange_name'],
        ['warning', 'smtpd_tls_session_cache_database'],
        ['warning', 'tlsmgr_cache_size_limit'],
      ],
    );
  });

  test('no source at all is told too, and a lifetime of 0 is a wish', () => {
    const odd = vitals();
    odd.prng.source = '';
    odd.caches.smtpd = { ...odd.caches.smtpd, enabled: false, lifetimeSeconds: 0 };
    assert.deepEqual(
      problemsOf(odd).map(({ severity }) => severity),
      ['warning'],
    );
  });
});
