/** A process whose event loop stands still is ended by the kernel, and master(8) starts another. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { patientClient, untilAnswered } from '../patient-client.ts';
import { PostfixInstance } from '../postfix/instance.ts';
import { skipWithoutPostfix, tlsmgrUnderTest } from '../postfix/under-test.ts';

/** Loaded before the daemon: makes its loop hang at a signal. */
const hanging = `process.on('SIGUSR2', () => {
  for (;;) {
    // Forever.
  }
});
`;

describe('the watchdog', { skip: skipWithoutPostfix }, () => {
  test('ends a loop that hangs, and the next process serves', async () => {
    const folder = mkdtempSync('/tmp/tlsmgr-hang-');
    chmodSync(folder, 0o755);
    const module = join(folder, 'hang.mjs');
    writeFileSync(module, hanging, { mode: 0o644 });
    const instance = await PostfixInstance.create({
      tlsmgr: tlsmgrUnderTest,
      name: 'hang',
      tlsmgrWords: '-o daemon_timeout=3s',
      mainCf: { import_environment: `MAIL_CONFIG MAIL_LOGTAG NODE_OPTIONS=--import=${module}` },
    });
    const client = patientClient(instance.socketPath);
    try {
      await instance.start();
      await untilAnswered(client, () => client.policy('smtpd'));
      const pid = instance.tlsmgrPid()!;
      process.kill(pid, 'SIGUSR2');
      await instance.waitForEnd(pid);
      await instance.waitForLog(new RegExp(`tlsmgr pid ${pid} killed by signal 14`, 'u'));
      assert.equal((await untilAnswered(client, () => client.policy('smtpd'))).cachable, true);
      assert.notEqual(instance.tlsmgrPid(), pid);
    } finally {
      void client.close();
      await instance.stop();
      instance.cleanup();
      rmSync(folder, { recursive: true });
    }
  });
});
