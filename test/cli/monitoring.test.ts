/** What monitoring calls: exit statuses of status, and its line for Nagios. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runVerb } from '../../src/cli/run.ts';
import { nagiosLine } from '../../src/cli/status/nagios.ts';
import type { Report } from '../../src/report/report.ts';
import { writeMainCf } from '../postfix/main-cf.ts';
import { announcement, type Attributes, FakeServer, listText, runHere } from './fake-server.ts';
import { sampleFleet } from './sample-fleet.ts';
import { sampleReport } from './sample-report.ts';
import { notBuilt } from './standalone.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-monitoring-'));
after(() => rmSync(folder, { recursive: true }));

const queue = join(folder, 'queue');
const socket = join(queue, 'private/tlsmgr');
const error = { severity: 'error', name: 'cache-off', text: 'smtpd cache is off: a|b' } as const;
const warning = { severity: 'warning', name: 'source-none', text: 'no entropy source' } as const;

let report: Report = sampleReport();
function reply(request: string): Attributes {
  return request === 'stats'
    ? [
        ['status', '0'],
        ['report', JSON.stringify(report)],
      ]
    : request === 'policy'
      ? [
          ['status', '0'],
          ['cachable', '1'],
          ['timeout', '3600'],
        ]
      : [
          ['status', '0'],
          ['seed', Buffer.alloc(32, 1).toString('base64')],
        ];
}

describe('status, as monitoring calls it', () => {
  let server: FakeServer;
  before(async () => {
    mkdirSync(join(queue, 'private'), { recursive: true });
    writeMainCf(join(folder, 'main.cf'), { queue_directory: queue });
    server = await FakeServer.start(socket, { greeting: listText(announcement), reply });
  });
  after(() => server.stop());

  test('ends with 0, 1, 2 as the daemon is, and with 3 when nobody answers', async () => {
    for (const [problems, expected, word] of [
      [[], 0, 'OK - tlsmgr 1.2.3, up 3d 4h |'],
      [[warning], 1, 'WARNING - no entropy source |'],
      [[error, warning], 2, 'CRITICAL - smtpd cache is off: a/b; no entropy source |'],
    ] as const) {
      report = { ...sampleReport(), problems: [...problems] };
      for (const form of [[], ['--json'], ['--nagios']]) {
        const { status, err } = await runHere('status', '-c', folder, ...form);
        assert.deepEqual([status, err], [expected, ''], form.join(' '));
      }
      const { out } = await runHere('status', '--nagios', '-c', folder);
      assert.ok(out.startsWith(`TLSMGR ${word} requests=`), out);
    }
    const none = ['--socket', join(folder, 'none')];
    const { status, out, err } = await runHere('status', '--nagios', ...none);
    assert.deepEqual([status, err], [3, '']);
    assert.match(out, /^TLSMGR UNKNOWN - no tlsmgr answers: [^|\n]*\n$/u);
    assert.equal((await runHere('status', ...none)).status, 3);
    assert.equal((await runHere('status', '--nagios', '--json')).status, 3);
  });

  test('what it can not write is told, and ends with 3', { skip: notBuilt }, () => {
    const full = openSync('/dev/full', 'w');
    for (const [args, expected] of [
      [['status', '--nagios', '--socket', '/none'], 3],
      [['help'], 1],
    ] as const) {
      const { status, stderr } = spawnSync(join(import.meta.dirname, '../../bin/tlsmgr'), args, {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
        env: {},
      });
      assert.match(stderr, /^tlsmgr: fatal: standard output: ENOSPC.*\n$/u);
      assert.equal(status, expected);
    }
    closeSync(full);
  });

  test('its figures are those of the guidelines', () => {
    const [, figures] = nagiosLine(sampleReport()).split(' | ');
    assert.equal(
      figures,
      'requests=152.25;;;0; hits=91%;;;0;100 p99=0.002s;;;0; connections=12;;;0;5000 ' +
        'memory=65000000B;;;0; smtpd_entries=123456;;;0; smtpd_bytes=200000000B;;;0;400000000 ' +
        'smtp_entries=0;;;0; smtp_bytes=0B;;;0;400000000\n',
    );
    const idle = sampleReport();
    idle.rates = { ...idle.rates, hitRatio: null, p99Seconds: null };
    assert.doesNotMatch(nagiosLine(idle), /hits|p99/u);
  });

  test('of a fleet it has the engine and the hosts', () => {
    const [, figures = ''] = nagiosLine({ ...sampleReport(), fleet: sampleFleet() }).split(' | ');
    assert.ok(
      figures.endsWith(
        'engine_up=1;;;0;1 engine_p99=0.00125s;;;0; hosts=1;;;0; hosts_away=1;;;0;\n',
      ),
      figures,
    );
    const away = sampleFleet();
    Object.assign(away.engine!, { connection: 'away', latencyMs: null });
    assert.match(nagiosLine({ ...sampleReport(), fleet: away }), / engine_up=0;;;0;1 hosts=1;/u);
    const derived = { ...sampleFleet(), engine: null };
    assert.doesNotMatch(nagiosLine({ ...sampleReport(), fleet: derived }), /engine|hosts/u);
  });

  test('-c and MAIL_CONFIG name the Postfix for every verb that asks a daemon', async () => {
    report = sampleReport();
    const environments = [
      [['-c', folder], {}],
      [[], { MAIL_CONFIG: folder }],
    ] as const;
    for (const [args, environment] of environments) {
      const ran = { out: '', err: '' };
      const status = await runVerb('seed', args, {
        out: (text) => void (ran.out += text),
        err: (text) => void (ran.err += text),
        screen: () => undefined,
        environment,
      });
      assert.deepEqual([status, ran.err, ran.out], [0, '', `${'01'.repeat(32)}\n`]);
    }
    for (const [verb, ...words] of [
      ['list', 'smtp'],
      ['show', 'smtp', 'x'],
      ['delete', 'smtp', 'x'],
      ['flush', 'smtp'],
      ['status'],
      ['seed'],
    ] as const) {
      const { err } = await runHere(verb, ...words, '-c', '/does/not/exist');
      assert.match(err, /^tlsmgr: fatal: open \/does\/not\/exist\/main\.cf/u, verb);
    }
  });
});
