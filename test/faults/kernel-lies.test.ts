/**
 * A few of the lies of bench/faults/kernel-lies.ts: a call of the start or of the
 * saving fails, and mail goes on, with all sessions that had been kept.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { skipWithoutPostfix, testsOurs, tlsmgrUnderTest } from '../postfix/under-test.ts';
import { type Call, LyingKernel, sessions, strace } from './lying-kernel.ts';

const skip =
  skipWithoutPostfix ||
  (!testsOurs && 'what it keeps is ours') ||
  (!existsSync(strace) && `no ${strace}`);

describe('under a kernel that lies', { skip }, () => {
  let kernel: LyingKernel;
  let calls: Call[];

  before(async () => {
    kernel = await LyingKernel.start(tlsmgrUnderTest);
    calls = await kernel.callsOfStart();
  });

  after(async () => {
    await kernel.stop();
  });

  for (const [call, pattern, error, served] of [
    ['openat', /smtpd_scache/u, 'EPERM', 'the same'],
    ['flock', /LOCK_EX/u, 'ENOMEM', 'the same'],
    ['pwrite64', /pwrite64/u, 'ENOSPC', 'the same'],
    ['prlimit64', /RLIMIT_NOFILE, \{/u, 'EPERM', 'the same'],
    ['prctl', /PR_SET_DUMPABLE/u, 'EPERM', 'the same'],
    ['listen', /listen/u, 'EPERM', 'the original'],
    ['openat', /main\.cf/u, 'ENOMEM', 'the original'],
    ['chdir', /queue/u, 'EACCES', 'the original'],
    ['chroot', /chroot/u, 'EPERM', 'the original'],
    ['setuid', /setuid/u, 'EPERM', 'the original'],
  ] as const) {
    test(`at the start: ${call} of ${pattern.source} fails with ${error}`, async () => {
      const when = calls.find((one) => one.call === call && pattern.test(one.text))!.number;
      const outcome = await kernel.duringStart({ call, error, when: String(when) });
      assert.doesNotMatch(outcome.logged.join('\n'), /panic/u);
      assert.match(outcome.told ?? '', /INJECTED/u);
      assert.equal(outcome.served, served, outcome.logged.join('\n'));
      assert.equal(outcome.wrong, 0);
      assert.equal(outcome.keptAfterwards, sessions, outcome.logged.join('\n'));
    });
  }

  test('at the end: the first write fails for want of room', async () => {
    const outcome = await kernel.duringSaving({ call: 'pwrite64', error: 'ENOSPC', when: '1' });
    assert.match(outcome.told ?? '', /INJECTED/u);
    assert.equal(outcome.served, 'another');
    assert.equal(outcome.wrong, 0);
    assert.equal(outcome.keptAfterwards, sessions, outcome.logged.join('\n'));
  });
});
