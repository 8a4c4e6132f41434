import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { bytesOfHex, hexDigit, writeHex } from '../../src/system/hex.ts';

describe('hexadecimal digits', () => {
  test('are those that Node knows, and no other byte is one', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      const character = String.fromCodePoint(byte);
      const expected = /[0-9A-Fa-f]/u.test(character) ? Number.parseInt(character, 16) : undefined;
      assert.equal(hexDigit(byte), expected, character);
    }
  });

  test('of bytes read back, wherever they stand', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat({ max: 9 }), (bytes, at) => {
        const target = Buffer.alloc(at + bytes.length * 2 + 3, 'x');
        const end = writeHex(target, at, bytes);
        assert.equal(end, at + bytes.length * 2);
        assert.equal(target.toString('latin1', at, end), Buffer.from(bytes).toString('hex'));
        assert.match(target.toString('latin1', end), /^xxx$/u);
        assert.deepEqual(bytesOfHex(target, at, end), Buffer.from(bytes));
        assert.equal(bytesOfHex(target, at, end + 1), undefined, 'an odd number');
        assert.equal(bytesOfHex(target, at, end + 2), undefined, 'another character');
      }),
    );
  });
});
