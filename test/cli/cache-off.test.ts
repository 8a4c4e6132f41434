/** What verbs say of a cache that is off: why, and which parameter. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { CacheReport, Problem } from '../../src/report/report.ts';
import { screenLines } from '../../src/cli/status/screen.ts';
import { announcement, asOurs, FakeServer, listText, runHere } from './fake-server.ts';
import { sampleReport } from './sample-report.ts';
import { notBuilt, Standalone } from './standalone.ts';

const off: CacheReport = { enabled: false, database: '', type: '', lifetimeSeconds: 3600 };
const parameter = 'smtp_tls_session_cache_database';
const reason = `smtp cache is off: cdb:/x: not for updates (${parameter})`;

describe('a cache that is off', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-off-'));
  const socket = join(folder, 'socket');
  let cache = off;
  let problems: Problem[] = [];
  let fake: FakeServer;
  before(async () => {
    const report = (): string =>
      JSON.stringify({ ...sampleReport(), caches: { smtp: cache }, problems });
    const refused = [['status', '4294967294']] as const;
    fake = await FakeServer.start(socket, {
      greeting: listText(announcement),
      reply: (request) =>
        request === 'stats'
          ? [
              ['status', '0'],
              ['report', report()],
            ]
          : (asOurs[request] ?? refused),
    });
  });
  after(async () => {
    await fake.stop();
    rmSync(folder, { recursive: true });
  });

  test('is told with its reason and the right parameter', async () => {
    for (const [is, problem, expected] of [
      [off, [], `the smtp cache is off: ${parameter} switches it on`],
      [
        { ...off, database: 'btree:/x', lifetimeSeconds: 0 },
        [],
        'the smtp cache is off: smtp_tls_session_cache_timeout is 0',
      ],
      [
        { ...off, database: 'cdb:/x' },
        [{ severity: 'error', name: 'cache-off', text: reason }],
        `the ${reason}: correct it, then reload Postfix`,
      ],
    ] as const) {
      cache = is;
      problems = [...problem];
      for (const verb of ['list', 'flush']) {
        const { status, err } = await runHere(verb, 'smtp', '--socket', socket);
        assert.deepEqual([status, err], [1, `tlsmgr: fatal: ${expected}\n`]);
      }
    }
  });

  test('for its lifetime says so on the screen', () => {
    const report = sampleReport();
    report.caches = { lmtp: { ...off, database: 'btree:/x', lifetimeSeconds: 0 } };
    const look = { columns: 80, colours: false, blocks: false };
    const lines = screenLines(report, '/s', look);
    assert.ok(
      lines.some((line) => /^lmtp +off \(lmtp_tls_session_cache_timeout is 0\)$/u.test(line)),
    );
  });

  test("has its reason in the daemon's own report", { skip: notBuilt }, async () => {
    const tlsmgr = new Standalone();
    await tlsmgr.start('-o', `${parameter}=nosuch:/x`);
    const { status, out } = await tlsmgr.run('status', '--json');
    await tlsmgr.stop();
    tlsmgr.remove();
    const [problem] = (JSON.parse(out) as { problems: Problem[] }).problems;
    assert.match(
      problem!.text,
      /^smtp cache is off: nosuch:\/x: unsupported dictionary type: nosuch \(/u,
    );
    assert.equal(status, 2);
  });
});
