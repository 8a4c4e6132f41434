import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { decodedLength, readData, readNumber } from '../../src/protocol/values.ts';

function number(text: string): number | undefined {
  // With bytes around it, so that a reader that looks beyond its bounds is found out.
  const bytes = Buffer.from(`9${text}9`, 'latin1');
  return readNumber(bytes, 1, bytes.length - 1);
}

function data(text: string): string | undefined {
  const bytes = Buffer.from(`-${text}_`, 'latin1');
  const target = Buffer.alloc(Math.max(0, decodedLength(bytes, 1, bytes.length - 1)) + 8);
  const length = readData(bytes, 1, bytes.length - 1, target);
  return length < 0 ? undefined : target.toString('latin1', 0, length);
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

describe('base64', () => {
  const table: [string, string | undefined][] = [
    ['', ''],
    ['QUJD', 'ABC'],
    ['QUI=', 'AB'],
    ['QQ==', 'A'],
    ['QR==', 'A'],
    ['QUI=QUJD', undefined],
    ['QUI', undefined],
    ['QUJD=', undefined],
    ['Q===', undefined],
    ['====', undefined],
    ['=', undefined],
    ['=QUJ', undefined],
    ['QU=D', undefined],
    ['QU JD', undefined],
    ['QU J', undefined],
    ['QUJD\n', undefined],
    ['QUJ\n', undefined],
    ['QU-D', undefined],
    ['QU_D', undefined],
    ['QU\xc3D', undefined],
  ];
  for (const [text, expected] of table) {
    test(`${JSON.stringify(text)} is ${expected === undefined ? 'malformed' : 'well formed'}`, () => {
      assert.equal(data(text), expected);
    });
  }

  test('what is encoded comes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        assert.equal(data(text), Buffer.from(bytes).toString('latin1'));
      }),
    );
  });

  test('agrees with the grammar on any text', () => {
    const letters = 'ABab01+/=-_ \n\0~'.split('');
    const text = fc
      .array(fc.constantFrom(...letters), { maxLength: 12 })
      .map((all) => all.join(''));
    const wellFormed = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;
    fc.assert(
      fc.property(text, (sample) => {
        assert.equal(data(sample) !== undefined, wellFormed.test(sample) && !sample.endsWith('\n'));
      }),
      { numRuns: 3000 },
    );
  });
});
