/** `tlsmgr status --ticket` and a real smtpd must agree on what resumes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TicketVerdict } from '../../src/cli/status/ticket.ts';
import { PostfixInstance } from './instance.ts';
import { startTls } from './tls-client.ts';
import {
  originalTlsmgr,
  requireBuilt,
  skipWithoutPostfix,
  testsOurs,
  tlsmgrUnderTest,
} from './under-test.ts';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');
const skip = skipWithoutPostfix || (!testsOurs && 'the original has no status');

describe('status --ticket beside a real smtpd', { skip }, () => {
  let postfix: PostfixInstance;

  before(async () => {
    requireBuilt();
    postfix = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest, name: 'ticket' });
    await postfix.start();
  });
  after(() => postfix?.cleanup());

  function status(file: string, ...more: string[]): { status: number | null; out: string } {
    const args = ['status', '--ticket', file, '--socket', postfix.socketPath, ...more];
    const ran = spawnSync(launcher, args, { encoding: 'utf8' });
    return { status: ran.status, out: ran.stdout + ran.stderr };
  }

  function verdictOf(file: string): TicketVerdict {
    return JSON.parse(status(file, '--json').out) as TicketVerdict;
  }

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`a ticket of ${version.slice(1)}, before and after a restart`, async () => {
      const file = join(postfix.directory, `ticket${version}`);
      await startTls(postfix.port, [version, '-sess_out', file]);
      assert.equal(verdictOf(file).reason, 'current-key');
      const { status: code, out } = status(file);
      assert.equal(code, 0, out);
      assert.match(out, /^WOULD RESUME: sealed with key [0-9a-f]{16}/u);
      const kept = join(postfix.directory, `again${version}`);
      const again = await startTls(postfix.port, [version, '-sess_in', file, '-sess_out', kept]);
      assert.deepEqual(again.kinds, ['Reused']);
      const resumed = existsSync(kept) ? kept : file;

      await postfix.reload();
      // Its key is made when smtpd asks for one.
      await startTls(postfix.port, [version]);
      const restarted = status(resumed);
      assert.equal(restarted.status, 1, restarted.out);
      assert.match(restarted.out, /^WOULD NOT RESUME: sealed with a key that is not known here/u);
      const late = await startTls(postfix.port, [version, '-sess_in', resumed]);
      assert.deepEqual(late.kinds, ['New']);
      assert.ok(!restarted.out.includes(readFileSync(resumed, 'latin1').split('\n')[1]!));
    });
  }

  test('the command of docs/status.md writes a session every time, with TLS 1.3 too', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/status.md'), 'utf8');
    const [command] = /^echo QUIT \| openssl .*$/mu.exec(page)!;
    for (let tries = Number(process.env['TLSMGR_TICKET_TRIES'] ?? 3); tries > 0; tries -= 1) {
      const file = join(postfix.directory, `documented-${tries}`);
      const here = command
        .replace('localhost:25', `127.0.0.1:${postfix.port}`)
        .replace('session.pem', file);
      spawnSync('/bin/sh', ['-c', here]);
      assert.ok(existsSync(file), `${tries} tries before the end`);
      const { resumes, protocol } = verdictOf(file);
      assert.deepEqual([resumes, protocol], [true, 'TLSv1.3']);
    }
  });

  test('a session without a ticket is looked for in the cache', async () => {
    const file = join(postfix.directory, 'by-id');
    await startTls(postfix.port, ['-tls1_2', '-no_ticket', '-sess_out', file]);
    assert.equal(verdictOf(file).reason, 'in-cache');
    await postfix.reload();
    assert.equal(verdictOf(file).reason, 'not-in-cache');
  });

  test('what is no session file is status 3, and the original has no status', async () => {
    const key = join(postfix.configDirectory, 'main.cf');
    assert.match(status(key).out, /main\.cf: not a session as openssl s_client/u);
    assert.equal(status(key).status, 3);
    const other = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'original' });
    try {
      await other.start();
      const ran = spawnSync(launcher, ['status', '--socket', other.socketPath], {
        encoding: 'utf8',
      });
      assert.equal(ran.status, 3);
      assert.match(ran.stderr, /Postfix's own tlsmgr serves here/u);
    } finally {
      other.cleanup();
    }
  });
});
