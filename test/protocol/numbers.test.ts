import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readNumber } from '../../src/protocol/numbers.ts';

function number(text: string): number | undefined {
  // With bytes around it, so that a reader that looks beyond its bounds is found out.
  const bytes = Buffer.from(`9${text}9`, 'latin1');
  return readNumber(bytes, 1, bytes.length - 1);
}

describe('numbers', () => {
  const table: [string, number | undefined][] = [
    ['3', 3],
    ['003', 3],
    ['+3', 3],
    [' 3', 3],
    ['\t\n 3', 3],
    ['-1', -1],
    ['4294967295', -1],
    ['4294967299', 3],
    ['-4294967293', 3],
    ['18446744073709551615', -1],
    ['00000000000000000000000000032', 32],
    ['', undefined],
    ['abc', undefined],
    ['3 ', undefined],
    ['0x3', undefined],
    ['+', undefined],
    ['- 3', undefined],
    ['18446744073709551616', undefined],
    ['99999999999999999999', undefined],
    ['9'.repeat(4000), undefined],
  ];
  for (const [text, expected] of table) {
    test(`${JSON.stringify(text.slice(0, 30))} is ${expected ?? 'malformed'}`, () => {
      assert.equal(number(text), expected);
    });
  }

  test('every number of 64 bits is taken modulo 2^32', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
        assert.equal(number(String(value)), Number(BigInt.asIntN(32, value)));
      }),
    );
  });
});
