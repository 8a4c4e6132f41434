/** Formats of a few lines: keys of cache files, commands of the EGD protocol, numbers and base64. */
import assert from 'node:assert/strict';
import { egd, takeCommand } from '../../src/prng/egd-protocol.ts';
import { Base64Reader } from '../../src/protocol/base64/reader.ts';
import { writeBase64 } from '../../src/protocol/base64/writer.ts';
import { readNumber } from '../../src/protocol/numbers.ts';
import { parseKeys } from '../../src/sessions/file/cache-keys.ts';
import { latin1, type Target } from '../target.ts';

export const keyFileTarget: Target = {
  name: 'key-file',
  promise: 'one or two keys of 32 bytes, or a reason that holds nothing of the file',
  seeds: [Buffer.alloc(32, 'k'), Buffer.alloc(64, 'k'), latin1(`${'ab'.repeat(32)}\n`)],
  words: [latin1('\n'), latin1(' '), latin1('ab'.repeat(32)), Buffer.alloc(32, 7)],
  run(input) {
    const keys = parseKeys(input);
    if (typeof keys === 'string') {
      assert.match(keys, /^(?:not one or two keys|neither 64 hex)/u);
    } else {
      assert.ok(keys.length === 1 || keys.length === 2, 'another number of keys');
      assert.ok(
        keys.every((key) => key.length === 32),
        'a key of another length',
      );
    }
  },
};

export const egdTarget: Target = {
  name: 'egd',
  promise: 'commands one after the other, never longer than what came',
  seeds: [Buffer.from([0]), Buffer.from([1, 8, 2, 16]), Buffer.from([3, 0, 64, 2, 7, 7, 4])],
  words: Object.values(egd).map((code) => Buffer.from([code])),
  run(input) {
    let rest = input;
    for (let found = takeCommand(rest); found != null; found = takeCommand(rest)) {
      assert.ok(found.length > 0 && found.length <= rest.length, 'a command longer than its bytes');
      rest = rest.subarray(found.length);
    }
  },
};

const inRange = (value: number): boolean => value >= -(2 ** 31) && value < 2 ** 31;

/** Base64 is read in two ways, which must agree. */
const readers = [new Base64Reader(), new Base64Reader(() => undefined)];

/** Whether it is well formed; then what was read is written as it came. */
function readsBack(reader: Base64Reader, input: Buffer): boolean {
  if (!reader.read(input, 0, input.length)) {
    return false;
  }
  const { bytes } = reader;
  const target = Buffer.alloc(input.length + 1, 0xee);
  const length = writeBase64(bytes, 0, bytes.length, target, 0);
  assert.equal(length, input.length, 'data of another length');
  assert.equal(target[length], 0xee, 'writes beyond the end');
  const back = target.toString('latin1', 0, length);
  // The last character may have bits that mean nothing.
  const significant = Math.max(0, back.replaceAll('=', '').length - 1);
  assert.equal(
    back.slice(0, significant),
    input.toString('latin1', 0, significant),
    'other data than was sent',
  );
  return true;
}

export const valuesTarget: Target = {
  name: 'values',
  promise: 'numbers of 32 bits and base64 that reads back, or nothing',
  seeds: ['0', '-1', '4294967295', '9223372036854775807', 'QUJD', 'QUI=', 'QQ=='].map(latin1),
  words: ['-', '+', ' ', '0', '9', '=', '==', '_', '/', 'AAAA', '99999999999'].map(latin1),
  run(input) {
    const value = readNumber(input, 0, input.length);
    assert.ok(value === undefined || inRange(value), 'a number out of range');
    const [byVectors, byStrings] = readers.map((reader) => readsBack(reader, input));
    assert.equal(byVectors, byStrings, 'well formed to one reader only');
  },
};
