import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import {
  fullTime,
  headEachSecond,
  longestTextBytes,
  makeTag,
  printableText,
  shortTime,
  withSeverity,
} from '../../src/log/line.ts';
import { isUnprintable, printable } from '../../src/log/printable.ts';

/** Beyond ASCII, where every unprintable byte is a question mark. */
function isEscaped(character: string): boolean {
  return character > '\u007f' && isUnprintable(character);
}

describe('printable text', () => {
  const vectors: [text: string, ascii: string, utf8: string][] = [
    ['plain text, {}~!', 'plain text, {}~!', 'plain text, {}~!'],
    ['a\u0001\u001b[31m\tb\u007fc%s', 'a??[31m?b?c%s', 'a??[31m?b?c%s'],
    ['one\ntwo\r\n', 'one?two??', 'one?two??'],
    ['a\0b', 'a?b', 'a?b'],
    ['é', '??', 'é'],
    ['€ \u{1f511}', '??? ????', '€ \u{1f511}'],
    ['a\ufffdb', 'a?b', 'a?b'],
    ['a\ud800b\udcffc', 'a?b?c', 'a?b?c'],
    ['a\u009b2Jb', 'a??2Jb', 'a\\u009b2Jb'],
    ['\u202eab\ufeff', '???ab???', '\\u202eab\\ufeff'],
    ['', '', ''],
  ];
  for (const [text, ascii, utf8] of vectors) {
    test(`of ${JSON.stringify(text)}`, () => {
      assert.equal(printableText(text, false), ascii);
      assert.equal(printableText(text, true), utf8);
    });
  }

  test('is cut at 2000 bytes, and at a character', () => {
    assert.equal(printableText('x'.repeat(2000), true), 'x'.repeat(2000));
    assert.equal(printableText('x'.repeat(2001), true), 'x'.repeat(2000));
    assert.equal(printableText('é'.repeat(1001), true), 'é'.repeat(1000));
    assert.equal(printableText(`x${'é'.repeat(1000)}`, true), `x${'é'.repeat(999)}`);
    assert.equal(printableText(`${'x'.repeat(1997)}\u{1f511}y`, true), 'x'.repeat(1997));
    assert.equal(printableText(`x${'é'.repeat(1000)}`, false), `x${'?'.repeat(1999)}`);
    assert.equal(printableText('\n'.repeat(3000), true), '?'.repeat(2000));
  });

  test('holds for any text: printable, valid, bounded, ASCII untouched', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3000 }),
      fc.string({ unit: 'grapheme', maxLength: 3000 }),
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 2200 })
        .map((units) => units.map((unit) => String.fromCharCode(unit)).join('')),
      fc.uint8Array({ maxLength: 2200 }).map((bytes) => Buffer.from(bytes).toString('utf8')),
    );
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, keepUtf8) => {
        const bytes = Buffer.from(printableText(text, keepUtf8));
        assert.ok(bytes.length <= longestTextBytes);
        for (const byte of bytes) {
          assert.ok(byte >= 32 && byte !== 127);
          assert.ok(keepUtf8 || byte < 127);
        }
        const back = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
        assert.ok(!back.includes('\ufffd'));
        assert.equal(isUnprintable(back), false);
        if (text.length < longestTextBytes / 12) {
          const expected = Buffer.from(text).toString().replaceAll('\ufffd', '?');
          const escapes = keepUtf8 ? Array.from(expected).filter((one) => isEscaped(one)) : [];
          const more = escapes.map((one) => printable(one).length - Buffer.byteLength(one));
          const wanted = more.reduce((sum, count) => sum + count, Buffer.byteLength(expected));
          assert.equal(bytes.length, wanted);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test('every severity but info stands before the text', () => {
  assert.equal(withSeverity('info', 'x'), 'x');
  assert.equal(withSeverity('warning', 'x'), 'warning: x');
  assert.equal(withSeverity('error', 'x'), 'error: x');
  assert.equal(withSeverity('fatal', 'x'), 'fatal: x');
  assert.equal(withSeverity('panic', 'x'), 'panic: x');
});

test('the tag has the last part of the program and is printable', () => {
  assert.equal(makeTag('postfix', '/usr/lib/postfix/sbin/tlsmgr', false), 'postfix/tlsmgr');
  assert.equal(makeTag('a/b', 'tlsmgr', false), 'a/b/tlsmgr');
  assert.equal(makeTag('x\ny é', 'tlsmgr', false), 'x?y ??/tlsmgr');
  assert.equal(makeTag('é', 'tlsmgr', true), 'é/tlsmgr');
  assert.equal(makeTag('', 'x/', true), '/x/');
});

test('times are in local time, in English, padded as each form wants', () => {
  const early = new Date(2026, 10, 3, 7, 8, 9);
  assert.equal(shortTime(early, ' '), 'Nov  3 07:08:09');
  assert.equal(shortTime(early, '0'), 'Nov 03 07:08:09');
  assert.equal(fullTime(early), '2026-11-03 07:08:09');
  const late = new Date(2026, 0, 31, 23, 59, 59);
  assert.equal(shortTime(late, ' '), 'Jan 31 23:59:59');
  assert.equal(shortTime(late, '0'), 'Jan 31 23:59:59');
  const names = Array.from({ length: 12 }, (_, month) => {
    return shortTime(new Date(2026, month, 1), '0').slice(0, 3);
  });
  assert.equal(names.join(' '), 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec');
});

test('the head of a line is made once a second for each severity', () => {
  let nowMs = 999;
  const made: string[] = [];
  const head = headEachSecond(
    (date, severity) => {
      made.push(`${date.getTime()} ${severity}`);
      return `${date.getTime()} ${severity} `;
    },
    () => nowMs,
  );
  assert.equal(head('info').toString(), '0 info ');
  nowMs = 1000;
  assert.equal(head('info').toString(), '1000 info ');
  nowMs = 1999;
  assert.equal(head('warning').toString(), '1000 warning ');
  assert.equal(head('info').toString(), '1000 info ');
  nowMs = 500;
  assert.equal(head('info').toString(), '0 info ', 'a clock that is set back');
  assert.deepEqual(made, ['0 info', '1000 info', '1000 warning', '0 info']);
});
