/**
 * docs/promises.md beside the pages whose promises it lists: each row of their
 * tables and each bullet has an entry, and each entry names tests that there
 * are.
 *
 *     entry = "- " promise
 *             1*( "  - `" file "`: " name of a test, as in its source
 *               / "  - no promise: " reason )
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const pages = ['SECURITY.md', 'docs/limits.md', 'docs/faults.md'];

/** What was measured there on one day: nothing that is promised. */
const measurements = new Set(['Ten million requests and more', 'Without compiled code']);

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** First words of bullets, and first cells of rows but those of headings. */
function promisesOf(page: string): string[] {
  const lines = read(page).split('\n');
  const found = new Set<string>();
  let section = '';
  for (const [index, line] of lines.entries()) {
    section = /^## (.*)$/u.exec(line)?.[1] ?? section;
    if (measurements.has(section)) {
      continue;
    }
    const bullet = /^- (?:\*\*(.+?)\*\*|([^:.]+))/u.exec(line);
    if (bullet !== null) {
      found.add(bullet[1] ?? bullet[2]!);
    }
    const isRow = line.startsWith('| ') && !/^\| -+ \|/u.test(line);
    const isHeading = /^\| -+ \|/u.test(lines[index + 1] ?? '');
    if (isRow && !isHeading) {
      found.add(/^\| (.*?) \|/u.exec(line)![1]!);
    }
  }
  return [...found];
}

interface Entry {
  promise: string;
  /** Undefined: there is no promise, for a reason. */
  tests: ({ file: string; name: string } | undefined)[];
}

function entriesOf(page: string): Entry[] {
  const [, section = ''] = read('docs/promises.md').split(`\n## ${page}\n`);
  const entries: Entry[] = [];
  for (const line of section.split('\n## ', 1)[0]!.split('\n')) {
    const held = /^ {2}- (?:`([^`]+)`: (.+)|no promise: .+)$/u.exec(line);
    if (line.startsWith('- ')) {
      entries.push({ promise: line.slice(2), tests: [] });
    } else if (held !== null) {
      const [, file, name] = held;
      entries.at(-1)!.tests.push(file === undefined ? undefined : { file, name: name! });
    } else {
      assert.equal(line.trim(), '', `neither a promise nor a test: ${line}`);
    }
  }
  return entries;
}

/** As the source has them, without quotes; a name that is made of parts with its `${...}`. */
function testNamesOf(file: string): Set<string> {
  const call = /\b(?:test|it|describe|check)\(\s*(?:'((?:\\.|[^'\\])*)'|"([^"]*)"|`([^`]*)`)/gu;
  return new Set(
    [...read(file).matchAll(call)].map(([, single, double, template]) =>
      (single ?? double ?? template)!.replaceAll(/\\(['"])/gu, '$1'),
    ),
  );
}

describe('docs/promises.md', () => {
  for (const page of pages) {
    const entries = entriesOf(page);

    test(`has each promise of ${page}, and no other`, () => {
      assert.deepEqual(
        entries.map(({ promise }) => promise).toSorted(),
        promisesOf(page).toSorted(),
      );
    });

    test(`names tests that there are for each of ${page}`, () => {
      for (const { promise, tests } of entries) {
        assert.ok(tests.length > 0, `no test for: ${promise}`);
        for (const { file, name } of tests.filter((one) => one !== undefined)) {
          assert.ok(existsSync(join(root, file)), `${promise}: there is no ${file}`);
          assert.ok(testNamesOf(file).has(name), `${promise}: ${file} has no test "${name}"`);
        }
      }
    });
  }
});
