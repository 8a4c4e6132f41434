// The files of tests: all of them, or those whose path below test/ begins with one of some words.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

/** @param {readonly string[]} beginnings none: every file. @returns paths from the root, sorted. */
export function testFiles(beginnings) {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => beginnings.length === 0 || beginnings.some((word) => beginsWith(name, word)))
    .map((name) => join('test', name))
    .toSorted();
}

/** `cli` means the folder and not `client`; `cli/che` means test/cli/check.test.ts. */
function beginsWith(name, word) {
  return word.includes('/') ? name.startsWith(word) : name.startsWith(`${word}/`);
}
