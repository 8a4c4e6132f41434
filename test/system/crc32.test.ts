/** CRC-32: the same number whoever computes it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { crc32 as ofZlib } from 'node:zlib';
import { crc32 } from '../../src/system/crc32.ts';

const lengths = [...Array(300).keys()];

function checkAll(): void {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
  for (const length of lengths) {
    const bytes = randomBytes(length);
    assert.equal(crc32(bytes), ofZlib(bytes), `${length} bytes: ${bytes.toString('hex')}`);
  }
}

test('is that of zlib, before its module is loaded and afterwards', () => {
  // The longest of the first round load it.
  checkAll();
  checkAll();
});
