import assert from 'node:assert/strict';
import { mkdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseMainCf, readMainCf, splitSetting, trim } from '../../src/config/main-cf.ts';
import { FatalError } from '../../src/errors.ts';
import { scratchDirectory, writeMainCf } from './scratch.ts';

function parsed(text: string): { settings: Record<string, string>; warnings: string[] } {
  const warnings: string[] = [];
  const settings = parseMainCf(text, '/x/main.cf', (warning) => warnings.push(warning));
  return { settings: Object.fromEntries(settings), warnings };
}

const quiet = (): void => {};

describe('lines of main.cf', () => {
  const outcomes: [what: string, text: string, settings: Record<string, string>][] = [
    ['nothing', '', {}],
    ['a setting', 'a = b\n', { a: 'b' }],
    ['no line feed at the end', 'a=b', { a: 'b' }],
    ['comments and blank lines', '# x = y\n\n \t\n  # z\na = b\n', { a: 'b' }],
    ['a continuation keeps its white space', 'a = b\n\tc\n', { a: 'b\tc' }],
    ['comments interrupt a setting', 'a = b\n# no\n\n  # no\n c\n', { a: 'b c' }],
    ['a value that starts on the next line', 'a =\n b\n', { a: 'b' }],
    ['an equals sign on the next line', 'a\n = b\n', { a: 'b' }],
    ['= # and quotes in a value', 'a = b = c # "d"\n', { a: 'b = c # "d"' }],
    ['an empty value', 'a =\nb = \n', { a: '', b: '' }],
    ['CR LF', 'a = b\r\n\r\nc = d\r\n', { a: 'b', c: 'd' }],
    ['CR within', 'a = b\rc\n', { a: 'b\rc' }],
    ['any name', 'foo-bar=1\n{x = 2\n"y"=3\n', { 'foo-bar': '1', '{x': '2', '"y"': '3' }],
    ['the last of several', 'a = 1\na = 1\n', { a: '1' }],
    ['text before a NUL', 'a = b\0c\n d\n', { a: 'b' }],
  ];
  for (const [what, text, settings] of outcomes) {
    test(what, () => assert.deepEqual(parsed(text).settings, settings));
  }

  test('warns of a value that is replaced', () => {
    assert.deepEqual(parsed('# x\na = 1\n\nb = 2\na\n = 3\n'), {
      settings: { a: '3', b: '2' },
      warnings: ['/x/main.cf, line 5: overriding earlier entry: a=1'],
    });
  });

  test('warns of white space with nothing to continue', () => {
    const long = `  ${'x'.repeat(40)}`;
    assert.deepEqual(parsed(`  foo = bar\n# c\n b\na = 1\n`).warnings, [
      '/x/main.cf: logical line must not start with whitespace: "  foo = bar b"',
    ]);
    assert.deepEqual(parsed(long).warnings, [
      `/x/main.cf: logical line must not start with whitespace: "${long.slice(0, 30)}..."`,
    ]);
  });

  test('warns of a NUL', () => {
    assert.deepEqual(parsed('a = b\n c\0d\n').warnings, [
      '/x/main.cf, line 1-2: text after null byte may be ignored',
    ]);
  });

  const faults: [text: string, message: string][] = [
    [
      'a = 1\n\n# x\nfoo bar\n baz\n',
      `/x/main.cf, line 4: missing '=' after attribute name: "foo bar baz"`,
    ],
    ['= x\n', '/x/main.cf, line 1: missing attribute name: "= x"'],
    ['a\0 = x\n', `/x/main.cf, line 1: missing '=' after attribute name: "a"`],
    ['f\xc3\xb6\n', `/x/main.cf, line 1: missing '=' after attribute name: "fö"`],
  ];
  for (const [text, message] of faults) {
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.throws(
        () => parsed(text),
        (thrown) => thrown instanceof FatalError && thrown.message === message,
      );
    });
  }

  test('a setting is found again, whatever blanks are around it', () => {
    const blanks = fc.stringMatching(/^[ \t\v\f\r]*$/u);
    const name = fc.stringMatching(/^[a-z_]+$/u);
    const value = fc.stringMatching(/^[!-~]([ -~]*[!-~])?$/u);
    fc.assert(
      fc.property(name, blanks, blanks, value, blanks, (key, before, after, text, end) => {
        const line = `${key}${before}=${after}${text}${end}`;
        assert.deepEqual(splitSetting(line), { name: key, value: text });
        assert.deepEqual(parsed(`${line}\n`).settings, { [key]: text });
      }),
    );
  });

  test('trims as isspace(3) says, however long', () => {
    assert.equal(trim(`\v\f ${' '.repeat(100_000)}\u00a0${' '.repeat(100_000)}\r\t`), '\u00a0');
  });
});

describe('the file', () => {
  const directory = scratchDirectory();

  test('that is not there, or not a file', () => {
    const path = join(directory, 'none/main.cf');
    assert.throws(() => readMainCf(path, quiet), {
      code: 'FATAL',
      message: `open ${path}: No such file or directory`,
    });
    mkdirSync(join(directory, 'folder/main.cf'), { recursive: true });
    assert.throws(() => readMainCf(join(directory, 'folder/main.cf'), quiet), { code: 'FATAL' });
  });

  test('with other bytes than UTF-8 keeps them, one character each', () => {
    writeMainCf(directory, Buffer.from([0x61, 0x3d, 0xff, 0xc3, 0xa9, 0x0a]));
    assert.deepEqual(
      readMainCf(join(directory, 'main.cf'), quiet),
      new Map([['a', '\u00ff\u00c3\u00a9']]),
    );
  });

  test('that was just written is waited for, one from the future is not', () => {
    writeMainCf(directory, 'a = b\n');
    const path = join(directory, 'main.cf');
    const now = Date.now();
    utimesSync(path, now / 1000, now / 1000);
    readMainCf(path, quiet);
    assert.ok(Date.now() - statSync(path).mtimeMs >= 1000, 'it rested');
    utimesSync(path, 4e9, 4e9);
    const before = performance.now();
    readMainCf(path, quiet);
    assert.ok(performance.now() - before < 60_000);
  });
});
