import assert from 'node:assert/strict';
import { hkdfSync, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { readScopedKeys, scopedKeyBytes, writeScopedKey } from '../../src/tickets/scoped-key.ts';

const times = { sealFromSeconds: 1_800_000_000, sealUntilSeconds: 2 ** 33, openUntilSeconds: -1 };

function derive(ringKey: Buffer, scope: string): Buffer {
  const wire = Buffer.alloc(scopedKeyBytes);
  writeScopedKey(wire, 0, ringKey, times, Buffer.from(scope));
  return wire;
}

describe('the key of a scope', () => {
  const ringKey = randomBytes(88);

  test('is what HKDF gives for the secret, the name and the scope', () => {
    const info = 'tlsmgr scoped ticket key 1 web';
    const secret = ringKey.subarray(16, 80);
    const due = Buffer.from(hkdfSync('sha256', secret, ringKey.subarray(0, 16), info, 48));
    const [key, ...others] = readScopedKeys(derive(ringKey, 'web'))!;
    assert.deepEqual(others, []);
    assert.deepEqual(key, {
      name: ringKey.subarray(0, 16),
      aes: due.subarray(0, 16),
      hmac: due.subarray(16),
      ...times,
    });
  });

  test('keeps its value from one version to the next', () => {
    // Made by another program: Python 3, hmac and hashlib.
    const fixed = Buffer.from(Array.from({ length: 88 }, (_, index) => index));
    assert.equal(
      derive(fixed, 'web').subarray(16, 64).toString('hex'),
      '4c1fa653b2b10c88fadd4e164de19b3b7d02ecafbca51de5732292cc72dc7547f5ea23503bde4f09b5a88e8d10c2de3e',
    );
  });

  test('has nothing of another scope or of the key of the ring', () => {
    const web = derive(ringKey, 'web').subarray(16, 64);
    assert.notDeepEqual(derive(ringKey, 'web2').subarray(16, 64), web);
    assert.ok(!ringKey.includes(web.subarray(0, 16)) && !ringKey.includes(web.subarray(16)));
  });

  test('half a key is none', () => {
    assert.equal(readScopedKeys(Buffer.alloc(scopedKeyBytes * 2 - 1)), undefined);
    assert.deepEqual(readScopedKeys(Buffer.alloc(0)), []);
  });
});
