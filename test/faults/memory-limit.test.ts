/** Limits on memory below those of the caches: these shrink, and the process lives. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { patientClient } from '../patient-client.ts';
import type { Report } from '../../src/report/report.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { poll } from '../postfix/poll.ts';

/** More than the limits leave, in sessions as long as Postfix's can be. */
async function storeMegabytes(daemon: Standalone, megabytes: number): Promise<Report> {
  const client = patientClient(daemon.socket);
  const session = Buffer.alloc(40_000, 'x');
  try {
    for (let number = 0; number < megabytes * 25; number += 1) {
      assert.equal(await client.update('smtpd', `id ${number}`, session), true);
    }
    assert.deepEqual(await client.lookup('smtpd', `id ${megabytes * 25 - 1}`), session);
    return (await client.stats()) as Report;
  } finally {
    void client.close();
  }
}

function checkShrunk(daemon: Standalone, { caches }: Report): void {
  const { sizeLimitBytes, bytes } = caches['smtpd']!;
  assert.ok(sizeLimitBytes! < 200_000_000 && bytes! <= sizeLimitBytes!, String(sizeLimitBytes));
  const said = [...daemon.said.matchAll(/warning: memory is limited to (\d+) bytes/gu)];
  assert.equal(said.length, 1, daemon.said);
  assert.doesNotMatch(daemon.said, /failed/u);
}

const groups = '/sys/fs/cgroup/memory';

function makeGroup(bytes: number): string | undefined {
  const group = join(groups, `tlsmgr-test-${process.pid}`);
  try {
    readFileSync(join(groups, 'memory.limit_in_bytes'));
    mkdirSync(group);
    writeFileSync(join(group, 'memory.limit_in_bytes'), String(bytes));
    return group;
  } catch {
    // Not root, or the version of cgroups that has one tree for all.
    return undefined;
  }
}

describe('a limit on memory', { skip: notBuilt }, () => {
  test('of data, RLIMIT_DATA', async () => {
    const daemon = new Standalone();
    await daemon.startWithData(450_000);
    try {
      checkShrunk(daemon, await storeMegabytes(daemon, 250));
    } finally {
      await daemon.stop();
      daemon.remove();
    }
  });

  test('of its control group', async (t) => {
    const group = makeGroup(150 * 1024 * 1024);
    if (group === undefined) {
      t.skip('no group can be made');
      return;
    }
    const daemon = new Standalone();
    try {
      await daemon.startInGroup(group);
      checkShrunk(daemon, await storeMegabytes(daemon, 250));
    } finally {
      await daemon.stop();
      daemon.remove();
      await poll('the group to be empty', () => {
        try {
          rmdirSync(group);
          return true;
        } catch {
          return false;
        }
      });
    }
  });
});
