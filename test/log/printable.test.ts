import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  isUnprintable,
  printable,
  printableLines,
  printableValues,
} from '../../src/log/printable.ts';

const ranges: [string, number, number][] = [
  ['C0', 0, 0x1f],
  ['DEL and C1', 0x7f, 0x9f],
  ['no-break space', 0xa0, 0xa0],
  ['soft hyphen', 0xad, 0xad],
  ['Arabic letter mark', 0x61c, 0x61c],
  ['zero width, and marks of direction', 0x200b, 0x200f],
  ['line and paragraph separators', 0x2028, 0x2029],
  ['embeddings and overrides', 0x202a, 0x202e],
  ['word joiner and its like', 0x2060, 0x2064],
  ['isolates', 0x2066, 0x2069],
  ['byte order mark', 0xfeff, 0xfeff],
  ['halves of pairs', 0xd800, 0xdfff],
  ['tags', 0xe0001, 0xe007f],
];

describe('printable', () => {
  for (const [name, first, last] of ranges) {
    test(`${name}: every one is escaped`, () => {
      for (let code = first; code <= last; code += 1) {
        const character = String.fromCodePoint(code);
        assert.equal(isUnprintable(character), true, code.toString(16));
        const shown = printable(`a${character}b`);
        assert.match(shown, /^a(?:\\u[0-9a-f]{4}){1,2}b$/u);
        assert.equal(JSON.parse(`"${shown}"`), `a${character}b`);
        assert.equal(printableLines(character), code === 10 ? '\n' : shown.slice(1, -1));
      }
    });
  }

  test('what people write stays', () => {
    for (const text of [
      '',
      'a b~!',
      'Grüße an Łódź',
      'Ελλάδα',
      'ישראל',
      '日本語',
      '🔑',
      'é\u0301',
    ]) {
      assert.equal(printable(text), text);
    }
  });

  test('JSON keeps its values, and holds nothing else than its line feeds', () => {
    const value = fc.string({ unit: 'binary', maxLength: 40 });
    fc.assert(
      fc.property(fc.dictionary(value, fc.array(value)), (object) => {
        const text = printableLines(JSON.stringify(object, undefined, 2));
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(object)));
        assert.equal(isUnprintable(text.replaceAll('\n', '')), false);
      }),
    );
  });

  test('every text within a value, names included', () => {
    assert.deepEqual(printableValues({ a: ['\u009b', 1, null, { '\u202e': '\n' }], b: true }), {
      a: ['\\u009b', 1, null, { '\\u202e': '\\u000a' }],
      b: true,
    });
  });
});
