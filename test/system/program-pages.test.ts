/** Which mappings are given back, and that what was given back is read again from its file. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ProgramPages, untouchedMappings } from '../../src/system/program-pages.ts';

/** A mapping as smaps shows it. */
function mapping(range: string, rights: string, file: string, anonymousKb: number): string {
  return [
    `${range} ${rights} 00001000 fe:00 ${file === '' ? 0 : 1234}                       ${file}`,
    'Size:               2048 kB',
    'Rss:                1024 kB',
    `Anonymous:      ${String(anonymousKb).padStart(8)} kB`,
    'VmFlags: rd ex mr mw me',
    '',
  ].join('\n');
}

describe('mappings that are what their file is', () => {
  test('are those of a file, read only, without memory of their own, and large', () => {
    const text = [
      mapping('00400000-00600000', 'r-xp', '/usr/bin/node', 0),
      mapping('00600000-00800000', 'r--p', '/usr/bin/node with a blank', 0),
      // Relocated: what it has isn't in the file.
      mapping('00800000-00a00000', 'r--p', '/usr/bin/node', 8),
      mapping('00a00000-00c00000', 'rw-p', '/usr/bin/node', 0),
      mapping('00c00000-00e00000', 'rwxp', '/usr/bin/node', 0),
      mapping('00e00000-01000000', 'r--s', '/usr/bin/node', 0),
      mapping('01000000-01200000', 'r-xp', '', 0),
      mapping('01200000-012ff000', 'r-xp', '/usr/lib/small', 0),
    ].join('');
    assert.deepEqual(untouchedMappings(text), [
      { start: 0x400000, end: 0x600000 },
      { start: 0x600000, end: 0x800000 },
    ]);
    assert.deepEqual(untouchedMappings(''), []);
  });

  test('are found in this process, given back, and come back when they are used', () => {
    const found = untouchedMappings(readFileSync('/proc/self/smaps', 'latin1'));
    assert.ok(found.length > 0);
    const fileBytes = (): number =>
      Number(/^RssFile:\s*(\d+) kB$/mu.exec(readFileSync('/proc/self/status', 'latin1'))![1]);
    const before = fileBytes();
    const pages = new ProgramPages();
    pages.release();
    const after = fileBytes();
    assert.ok(after < before / 2, `${after} of ${before} kB are left`);
    pages.release();
    // Parser, compiler and collector run as before.
    const words = JSON.parse(
      JSON.stringify(Array.from({ length: 1000 }, (_, index) => `${index}`)),
    );
    assert.equal((words as string[]).toSorted().join('').length, 2890);
  });
});
