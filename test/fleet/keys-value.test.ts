import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  longestContinuation,
  nameOfField,
  readKeyValue,
  writeKeyValue,
} from '../../src/fleet/keys/key-value.ts';
import { firstPeriod as period, randomKey } from './test-fleet.ts';

const key = randomKey();
const field = key.toString('base64url', 0, 16);
const value = { origin: period - 3, putAtMs: 1_800_000_123_456, key, maker: 'mx1.example.com' };

function changed(change: (bytes: Buffer) => void): Buffer {
  const bytes = writeKeyValue(value);
  change(bytes);
  return bytes;
}

describe('the value of a key in the engine', () => {
  test('is read as it was written', () => {
    const read = readKeyValue(writeKeyValue(value), period, field)!;
    assert.deepEqual({ ...read, key: undefined }, { ...value, key: undefined });
    assert.deepEqual(read.key, key.subarray(0, 80));
  });

  test('may be without a maker, and keeps 255 bytes of a long one', () => {
    const read = (maker: string) =>
      readKeyValue(writeKeyValue({ ...value, maker }), period, field)?.maker;
    assert.equal(read(''), '');
    assert.equal(read('h'.repeat(300)), 'h'.repeat(255));
    assert.equal(read('a\nline'), '', 'what could forge a line of the log');
  });

  test('is refused when it is damaged', () => {
    const refused: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['cut short', writeKeyValue(value).subarray(0, 92)],
      ['too long', Buffer.concat([writeKeyValue(value), Buffer.alloc(255)])],
      ['another version', changed((bytes) => bytes.writeUInt8(2, 0))],
      ['an origin to come', changed((bytes) => bytes.writeUIntBE(period + 1, 1, 6))],
      [
        'an origin long ago',
        changed((bytes) => bytes.writeUIntBE(period - longestContinuation - 1, 1, 6)),
      ],
      ['another name', changed((bytes) => bytes.writeUInt8(bytes[13]! ^ 1, 13))],
      ['a weak AES key', changed((bytes) => bytes.fill(0, 29, 61))],
      ['a weak HMAC key', changed((bytes) => bytes.fill(7, 61, 93))],
      ['twice the same key', changed((bytes) => void bytes.copy(bytes, 61, 29, 61))],
    ];
    for (const [what, bytes] of refused) {
      assert.equal(readKeyValue(bytes, period, field), undefined, what);
    }
    const weakName = Buffer.from(key).fill(0, 0, 16);
    assert.equal(
      readKeyValue(writeKeyValue({ ...value, key: weakName }), period, 'A'.repeat(22)),
      undefined,
    );
  });

  test('takes the oldest and the newest origin that is plausible', () => {
    for (const origin of [period, period - longestContinuation]) {
      assert.equal(
        readKeyValue(writeKeyValue({ ...value, origin }), period, field)?.origin,
        origin,
      );
    }
  });

  test('has a field of 22 characters, in one form only', () => {
    assert.deepEqual(nameOfField(field), key.subarray(0, 16));
    for (const other of [
      '',
      field.slice(1),
      `${field}A`,
      `${field.slice(0, 21)}=`,
      '+'.repeat(22),
    ]) {
      assert.equal(nameOfField(other), undefined, other);
    }
    // The last character has four bits that mean nothing.
    assert.equal(nameOfField(`${'A'.repeat(21)}B`), undefined);
  });
});
