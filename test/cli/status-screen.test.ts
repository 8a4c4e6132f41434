import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type Look, lookOf } from '../../src/cli/status/paint.ts';
import { bar, sparkline } from '../../src/cli/status/plots.ts';
import { screenLines } from '../../src/cli/status/screen.ts';
import type { Report } from '../../src/report/report.ts';
import { sampleFleet, sharedKey } from './sample-fleet.ts';
import { sampleReport as report } from './sample-report.ts';

const plain: Look = { columns: 80, colours: false, blocks: false };

describe('the screen of status', () => {
  test('all is well', () => {
    assert.deepEqual(screenLines(report(), '/q/private/tlsmgr', plain), [
      'OK          tlsmgr 1.2.3, daemon, up 3d 4h, since 2026-11-03 06:07:08',
      'socket      /q/private/tlsmgr',
      '',
      'cache       full                        entries       size  hits  lifetime',
      'smtpd       ##########..........  50%    123456  190.7 MiB   90%  1h 0m',
      'smtp        ....................   0%         0        0 B     -  1h 0m',
      'lmtp        off',
      '',
      'requests    152 a second, 9876543 in all: seed 70, lookup 52, update 30.3',
      'answered    91% of look-ups hit, half within 20 us, 99% within 2 ms (last 1m 0s)',
      'connections 12 open of 5000, 0.4 a second, handle transport; closed: 2 for time',
      'ticket key  0123456789abcdef, age 1m 0s, next in 29m 0s',
      '            fedcba9876543210 opens tickets for 29m 0s more',
      'entropy     dev:/dev/urandom, last reseed 2m 0s ago, 7 in all, 4.0 KiB served',
      'log         0 warnings, 0 errors in the last hour',
      'process     12345, 62.0 MiB resident, 1m 39s of processor time, Node v20.20.2',
    ]);
  });

  test('what is wrong comes first, and the last warning is quoted', () => {
    const sick = report();
    sick.problems = [
      { severity: 'error', name: 'cache-off', text: 'smtpd cache is off' },
      { severity: 'warning', name: 'source-failing', text: 'entropy source fails' },
    ];
    sick.log = {
      warnings: 2,
      errors: 1,
      lastHour: { warnings: 2, errors: 1 },
      last: { severity: 'warning', text: 'something odd', ageSeconds: 61 },
    };
    const lines = screenLines(sick, '/s', plain);
    assert.match(lines[0]!, /^FAILING +tlsmgr/u);
    assert.deepEqual(lines.slice(1, 3), [
      'error       smtpd cache is off',
      'warning     entropy source fails',
    ]);
    assert.ok(lines.includes('log         2 warnings, 1 error in the last hour'));
    assert.ok(lines.includes('            1m 1s ago: warning: something odd'));
    sick.problems = sick.problems.slice(1);
    assert.match(screenLines(sick, '/s', plain)[0]!, /^WARNING +tlsmgr/u);
  });

  test('it keeps to its columns, and to 24 rows of 80 with five problems of a line', () => {
    const many = report();
    many.problems = Array.from({ length: 5 }, () => {
      return { severity: 'warning', name: 'source-none', text: 'no entropy source' } as const;
    });
    assert.ok(screenLines(many, '/var/spool/postfix/private/tlsmgr', plain).length <= 24);
  });

  test('what is longer than a line is wrapped, at any width, and never cut', () => {
    const long = report();
    const reason = `smtpd cache is off: ${'btree:/somewhere/else '.repeat(9)}can't be used (smtpd_tls_session_cache_database)`;
    long.problems = [
      { severity: 'error', name: 'cache-off', text: reason },
      { severity: 'warning', name: 'source-none', text: 'x'.repeat(300) },
    ];
    long.log.last = { severity: 'error', text: 'y'.repeat(300), ageSeconds: 1 };
    const squeezed = (text: string): string => text.replaceAll(/[\s#.]+/gu, '');
    const wide = screenLines(long, 'p'.repeat(300), { ...plain, columns: 2000 });
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 300 }), (columns) => {
        const lines = screenLines(long, 'p'.repeat(300), { ...plain, columns });
        for (const line of lines) {
          assert.ok(line.length <= columns, line);
        }
        const text = squeezed(lines.join(' '));
        for (const line of wide.filter((one) => !/^(?:cache|smtpd?) /u.test(one))) {
          assert.ok(text.includes(squeezed(line)), line);
        }
      }),
    );
    const narrow = screenLines(report(), '/s', { ...plain, columns: 40 });
    assert.ok(narrow.includes('smtpd       50% full, 123456 entries,'), narrow.join('\n'));
    assert.ok(narrow.includes('            190.7 MiB, 90% hits,'), narrow.join('\n'));
  });

  test('a fleet has its rows behind the ticket key', () => {
    const shared = { ...report(), fleet: sampleFleet() };
    shared.tickets.keys = [sharedKey(), ...shared.tickets.keys];
    const wide = screenLines(shared, '/s', { ...plain, columns: 200 });
    const first = wide.findIndex((line) => line.startsWith('ticket key'));
    assert.deepEqual(wide.slice(first, first + 7), [
      'ticket key  0123456789abcdef, age 11m 0s, next in 19m 0s, made by mx2.example.net at random',
      '            2 other keys of the fleet held',
      'fleet       mx1.example.net, key set tlsmgr: sharing, 6 keys known, 5 confirmed, exchanged 12s ago, next period in 19m 0s',
      'engine      redis.example.net:6379 up for 1d 1h, half within 0.42 ms, 99% within 1.3 ms, 3 reads late, clock 0s from ours',
      '            smtp: 3000 found (75% of what was not here), 2400 written, 10 not asked',
      '            smtpd: 0 found, 100 written, 5000 not shared, as no other host is asked for them',
      'hosts       2 others, 1 away: mx2.example.net, mx3.example.net (away for 5m 30s)',
    ]);
  });

  test('of a fleet with troubles, each is told', () => {
    const fleet = sampleFleet();
    fleet.keys = null;
    Object.assign(fleet.engine!, {
      connection: 'away',
      reads: 'paused',
      writes: 'paused',
      reason: 'Connection refused',
      latencyMs: null,
    });
    Object.assign(fleet.caches['smtp']!, { dropped: 7, notOpened: 8 });
    fleet.hosts = [];
    fleet.hostCounts = { seen: 0, away: 0, differing: 0 };
    fleet.clockDifferenceMs = null;
    fleet.warnings = [{ name: 'engine-settings', text: 'engine A writes its data to disk' }];
    const text = screenLines({ ...report(), fleet }, '/s', { ...plain, columns: 200 }).join('\n');
    for (const part of [
      'key set tlsmgr: ticket keys are of this host alone',
      'away for 1d 1h: Connection refused, reads paused, writes paused, 3 reads late\n',
      '2400 written, 10 not asked, 7 dropped, 8 not opened\n',
      'hosts       no others yet\n',
      'advice: engine A writes its data to disk\n',
    ]) {
      assert.ok(text.includes(part), text);
    }
    fleet.keys = { ...sampleFleet().keys!, state: 'joining', known: 1, confirmed: 0 };
    fleet.engine!.reason = 'WRONGPASS no such user';
    fleet.engine!.counts.late = 1;
    const newcomer = screenLines({ ...report(), fleet }, '/s', { ...plain, columns: 200 }).join(
      '\n',
    );
    for (const part of [
      ': joining, for up to 95s, until all hosts have a key in common, 1 key known, 0 confirmed, ',
      ':6379 refuses this host for 1d 1h: WRONGPASS no such user, ',
      ', 1 read late',
    ]) {
      assert.ok(newcomer.includes(part), newcomer);
    }
    const derived = sampleFleet();
    Object.assign(derived, { engine: null, caches: {} });
    Object.assign(derived.keys!, { source: 'derived' });
    const rows = screenLines({ ...report(), fleet: derived }, '/s', plain);
    assert.ok(rows.some((row) => row.includes('key set tlsmgr: derived keys, next period')));
    assert.ok(!rows.join('\n').includes('hosts '));
  });

  test('a host that differs, or has another key set, is named with that', () => {
    const fleet = sampleFleet();
    const [second, third] = fleet.hosts;
    second!.differs = [
      'OpenSSL 3.0.16, here 3.0.17',
      'another first secret in tlsmgr_fleet_secret_file than this host',
    ];
    const text = 'mx2.example.net has OpenSSL 3.0.16, here 3.0.17';
    fleet.warnings = [{ name: 'fleet-differs', text }];
    third!.keySet = 'submission';
    const rows = screenLines({ ...report(), fleet }, '/s', { ...plain, columns: 200 });
    assert.ok(
      rows.includes(
        'hosts       2 others, 1 away: mx2.example.net (another first secret in tlsmgr_fleet_secret_file than this host), mx3.example.net (key set submission; away for 5m 30s)',
      ),
      rows.join('\n'),
    );
  });

  test('a daemon of an earlier version knows of no fleet', () => {
    const { fleet, ...earlier } = report();
    assert.equal(fleet, null);
    assert.deepEqual(
      screenLines(earlier as Report, '/s', plain),
      screenLines(report(), '/s', plain),
    );
  });

  test('colours only on a terminal that wants them', () => {
    const terminal = { columns: 100 };
    assert.equal(lookOf({}, undefined).colours, false);
    assert.equal(lookOf({ TERM: 'xterm' }, terminal).colours, true);
    assert.equal(lookOf({ TERM: 'xterm', NO_COLOR: '1' }, terminal).colours, false);
    assert.equal(lookOf({ TERM: 'dumb' }, terminal).colours, false);
    assert.equal(lookOf({ LANG: 'en_GB.UTF-8' }, terminal).blocks, true);
    assert.equal(lookOf({ LANG: 'en_GB.UTF-8', LC_ALL: 'C' }, terminal).blocks, false);
    assert.equal(lookOf({}, { columns: 0 }).columns, 80);
    assert.equal(lookOf({ COLUMNS: '132' }, terminal).columns, 132);
    assert.equal(lookOf({ COLUMNS: 'wide' }, terminal).columns, 100);
    assert.equal(lookOf({ COLUMNS: '60' }, undefined).columns, 60);
    assert.equal(lookOf({}, undefined).columns, Number.POSITIVE_INFINITY);
    const coloured = screenLines(report(), '/s', { ...plain, colours: true }).join('\n');
    assert.deepEqual(coloured.split('\u001B[32mOK').length, 2);
  });
});

describe('plots', () => {
  test("a bar is as long as asked, is empty at 0 %, and shows what isn't full", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 2, max: 80 }),
        (share, cells) => {
          const drawn = bar(share, cells, plain);
          assert.equal(drawn.length, cells);
          assert.equal(drawn.includes('#'), Math.round(share * 100) > 0);
          assert.equal(drawn.includes('.'), share < 1);
        },
      ),
    );
  });

  test('a history plot grows from 0 to its largest value, newest at the right', () => {
    assert.equal(sparkline([0, 1, 2, 4, 8], 5, plain), '__.-#');
    assert.equal(sparkline([8, null, 8], 5, plain), '  # #');
    assert.equal(sparkline([9, 0, 0], 2, plain), '__');
    assert.equal(sparkline([0, 8], 2, { ...plain, blocks: true }), '▁█');
    assert.equal(sparkline([], 3, plain), '   ');
  });
});
