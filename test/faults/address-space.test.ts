/** A limit on address space, which leaves none for WebAssembly: base64 goes a character at a time. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { patientClient } from '../patient-client.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';

/** Node starts with it; V8 puts ten times as much around the memory of a module. */
const limitKilobytes = 4_000_000;

describe('a limit on address space', { skip: notBuilt }, () => {
  for (const [what, limited] of [
    ['without one', false],
    ['with one', true],
  ] as const) {
    test(`${what}, sessions are stored and given back`, async () => {
      const daemon = new Standalone();
      await (limited ? daemon.startWithAddressSpace(limitKilobytes) : daemon.start());
      const client = patientClient(daemon.socket);
      try {
        for (const size of [1, 100, 1500, 40_000, 100_000, 200_000]) {
          const session = randomBytes(size);
          await client.update('smtpd', 'an id', session);
          assert.deepEqual(await client.lookup('smtpd', 'an id'), session);
        }
        const status = readFileSync(`/proc/${daemon.pid}/status`, 'latin1');
        const kilobytes = Number(/^VmSize:\s*(\d+)/mu.exec(status)![1]);
        assert.equal(kilobytes < limitKilobytes, limited, 'whether WebAssembly was used');
        assert.doesNotMatch(daemon.said, /warning|error/u);
      } finally {
        void client.close();
        daemon.remove();
      }
    });
  }
});
