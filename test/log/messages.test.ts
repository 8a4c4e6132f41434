import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { allLiterals, fixedLetters, loggedTexts, patternOf, sourceFiles } from './message-scan.ts';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'src');
const documentName = 'docs/log-messages.md';

/** A literal with fewer letters between its `${...}` could be anything. */
const fewestLetters = 4;

interface Documented {
  line: number;
  severity: string;
  text: string;
}

/** The rows `| severity | text | ...` of the document. */
function documentedTexts(): Documented[] {
  return readFileSync(join(root, documentName), 'utf8')
    .split('\n')
    .flatMap((row, index) => {
      const match = /^\| (info|warning|error|fatal|panic) \| `([^`]+)` \| [^|]+ \|/u.exec(row);
      return match === null ? [] : [{ line: index + 1, severity: match[1]!, text: match[2]! }];
    });
}

describe(`${documentName} and the source`, () => {
  const documented = documentedTexts();
  const filesThatLog = sourceFiles(
    source,
    // What these find fault with is told to the caller, or to the person at the terminal.
    ['client', 'tls', 'cli', 'openssl'].map((path) => join(source, path)),
  );

  test('every text that is logged is documented, under its severity', () => {
    const texts = filesThatLog
      .flatMap((file) => loggedTexts(file))
      .filter(({ literal }) => literal.includes(' ') && fixedLetters(literal) >= fewestLetters);
    assert.ok(texts.length > 30, 'the scanner finds the texts');
    const missing = texts
      .filter(({ literal, severity }) => {
        const pattern = new RegExp(patternOf(literal), 'u');
        return !documented.some(
          (row) => pattern.test(row.text) && (severity ?? row.severity) === row.severity,
        );
      })
      .map(({ place, literal, severity }) => {
        return `${relative(root, place)}: ${severity ?? 'any severity'}: ${literal}`;
      });
    assert.deepEqual(missing, [], `not in ${documentName}:\n${missing.join('\n')}`);
  });

  test('every documented text is in the source', () => {
    const literals = [
      ...sourceFiles(source, []).flatMap((file) => allLiterals(file)),
      readFileSync(join(root, 'bin/tlsmgr'), 'utf8'),
    ];
    const patterns = literals
      .filter((literal) => fixedLetters(literal) >= fewestLetters)
      .map((literal) => new RegExp(`^${patternOf(literal)}$`, 'u'));
    const stale = documented
      .filter(({ text }) => !patterns.some((pattern) => pattern.test(text)))
      .filter(({ text }) => !fixedParts(text).every((part) => isPartOfOne(part, literals)))
      .map(({ line, text }) => `${documentName}:${line}: ${text}`);
    assert.ok(documented.length > 30, 'the table is read');
    assert.deepEqual(stale, [], `nowhere in src/:\n${stale.join('\n')}`);
  });
});

/** What stands between the words in capitals, as far as it says something. */
function fixedParts(text: string): string[] {
  return text
    .split(/\b[A-Z]+\b/u)
    .map((part) => part.replaceAll(/^\W+|\W+$/gu, ''))
    .filter((part) => fixedLetters(part) >= fewestLetters);
}

function isPartOfOne(part: string, literals: readonly string[]): boolean {
  return literals.some((literal) => literal.includes(part));
}

describe('the scanner', () => {
  test('a pattern matches its text with anything put in', () => {
    const pattern = new RegExp(`^${patternOf("chdir(\"${a}\"): ${b(`x${'}'}`)} (it\\'s)")}$`, 'u');
    assert.match(`chdir("/x"): No such file (it's)`, pattern);
    assert.doesNotMatch('chdir("/x"): No such file', pattern);
    assert.equal(fixedLetters('${what}: ${reason} x'), 1);
  });

  test('finds a text in this very file, with its severity', () => {
    const log = { warning: (text: string): string => text };
    // A comment: log.warning('not this one')
    const bracket = '(';
    const logged = log.warning(`found ${bracket} me`);
    const texts = loggedTexts(import.meta.filename);
    assert.equal(logged, 'found ( me');
    assert.deepEqual(
      texts.map(({ literal, severity }) => [literal, severity]),
      [['found ${bracket} me', 'warning']],
    );
  });
});
