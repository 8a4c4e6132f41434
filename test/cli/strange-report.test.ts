/** A daemon of another version, or what only looks like one, may tell anything of itself. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { requireReport } from '../../src/cli/report-check.ts';
import { nagiosLine } from '../../src/cli/status/nagios.ts';
import { lookOf } from '../../src/cli/status/paint.ts';
import { screenLines } from '../../src/cli/status/screen.ts';
import { announcement, asOurs, FakeServer, listText, runHere } from './fake-server.ts';
import type { Report } from '../../src/report/report.ts';
import { sampleFleet, sharedKey } from './sample-fleet.ts';
import { sampleReport } from './sample-report.ts';

describe('a strange report', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-strange-'));
  const socket = join(folder, 'socket');
  let told = '';
  let fake: FakeServer;

  before(async () => {
    fake = await FakeServer.start(socket, {
      greeting: listText(announcement),
      reply: (request) =>
        request === 'stats'
          ? [
              ['status', '0'],
              ['report', told],
            ]
          : asOurs[request],
    });
  });
  after(async () => {
    await fake.stop();
    rmSync(folder, { recursive: true });
  });

  test('is no answer for status, whatever form is asked for', async () => {
    for (const [report, text] of [
      ['null', /its report is no object$/u],
      ['7', /its report is no object$/u],
      ['[]', /its report is no object$/u],
      ['{}', /its report can't be read: schemaVersion is wrong or missing$/u],
      ['{"schemaVersion":1}', /its report can't be read: pid is wrong or missing$/u],
      [
        JSON.stringify({ ...sampleReport(), schemaVersion: 2 }),
        /its report has schema version 2, and this tlsmgr knows 1: use the tlsmgr that the daemon/u,
      ],
      [
        JSON.stringify({ ...sampleReport(), caches: { smtpd: { enabled: 'x' } } }),
        /its report can't be read: caches\.smtpd\.enabled is wrong or missing$/u,
      ],
    ] as const) {
      told = report;
      for (const form of [[], ['--json']]) {
        const { status, out, err } = await runHere('status', ...form, '--socket', socket);
        assert.deepEqual([status, out], [3, ''], report);
        assert.match(err.trim(), text);
        assert.ok(err.startsWith('tlsmgr: fatal: '), err);
      }
      const monitored = await runHere('status', '--nagios', '--socket', socket);
      assert.equal(monitored.status, 3);
      assert.match(monitored.out.trim(), text);
      assert.ok(monitored.out.startsWith('TLSMGR UNKNOWN - '), monitored.out);
    }
  });

  test('keeps check from nothing, and names no cache', async () => {
    for (const report of ['{}', '{"schemaVersion":2}']) {
      told = report;
      const { out, err } = await runHere('check', '-c', folder, '--socket', socket);
      assert.match(out + err, /: the daemon on \S+ can't be asked how it is: its report /u);
      const list = await runHere('list', 'web', '--socket', socket);
      assert.equal(list.status, 1);
      assert.match(list.err, /^tlsmgr: fatal: its report /mu);
    }
  });

  test('is refused, or shown without a fault of ours, wherever it is strange', () => {
    const look = lookOf({}, undefined);
    let refused = 0;
    for (const make of [sampleReport, fleetSample]) {
      for (const path of pathsOf(make())) {
        for (const value of [undefined, null, 'x', -1, 1e300, true, [], {}, [null]]) {
          const report = JSON.parse(JSON.stringify(withValue(make(), path, value))) as unknown;
          try {
            requireReport(report);
          } catch (thrown) {
            assert.match((thrown as Error).message, /^its report /u);
            refused += 1;
            continue;
          }
          const shown = requireReport(report);
          assert.ok(screenLines(shown, socket, look).length > 5, path.join('.'));
          assert.match(nagiosLine(shown), /^TLSMGR /u);
        }
      }
    }
    assert.ok(refused > 200);
  });

  test('that has more than this version knows is read', () => {
    const report = { ...sampleReport(), more: { of: 'it' } };
    assert.equal(requireReport(report), report);
  });
});

function fleetSample(): Report {
  const warnings = [{ name: 'engine-settings', text: 'x' } as const];
  const tickets = { enabled: true, keys: [sharedKey()] };
  return { ...sampleReport(), fleet: { ...sampleFleet(), warnings }, tickets };
}

function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  const below =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, member]) => pathsOf(member, [...path, name]))
      : [];
  return path.length === 0 ? below : [[...path], ...below];
}

/** The same with another value at the path. */
function withValue(from: unknown, [name, ...rest]: readonly string[], value: unknown): unknown {
  if (name === undefined) {
    return value;
  }
  const copy = (Array.isArray(from) ? [...from] : { ...(from as object) }) as Record<
    string,
    unknown
  >;
  copy[name] = withValue(copy[name], rest, value);
  return copy;
}
