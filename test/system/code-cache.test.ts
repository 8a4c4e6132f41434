/** The code cache: used only where it fits, and never needed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { cachePathOf } from '../../src/system/code-cache.ts';
import { notBuilt } from '../cli/standalone.ts';

const module = join(import.meta.dirname, '../../src/system/code-cache.ts');
const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-code-cache-'));
after(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'program.js');
const cache = cachePathOf(file);
const loader = join(folder, 'load.mjs');
writeFileSync(
  loader,
  `import { loadCompiled } from ${JSON.stringify(module)};
   const [file, cacheTo] = process.argv.slice(2);
   const { exports, fromCache } = loadCompiled(file, cacheTo);
   console.log(JSON.stringify([exports.answer(), fromCache]));`,
);

function putProgram(answer: string): void {
  writeFileSync(
    file,
    `(function (exports, require, module, __filename, __dirname) {
       module.exports.answer = () => '${answer}' + require('node:path').basename(__filename);
     })`,
  );
}

/** What the program answers, and whether its code came from the cache. */
function load(options: string[] = [], cacheTo: string[] = []): unknown {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', ...options, loader, file, ...cacheTo],
    { encoding: 'utf8' },
  );
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

describe('a program with a code cache', () => {
  beforeEach(() => {
    rmSync(cache, { force: true });
    putProgram('one ');
    assert.deepEqual(load([], [cache]), ['one program.js', false]);
    assert.ok(existsSync(cache));
  });

  test('runs from it', () => {
    assert.deepEqual(load(), ['one program.js', true]);
  });

  test('is compiled when it has changed, whatever its length', () => {
    putProgram('two ');
    assert.deepEqual(load(), ['two program.js', false]);
  });

  test('is compiled by a V8 with other options', () => {
    assert.deepEqual(load(['--no-opt']), ['one program.js', false]);
  });

  test('is compiled when the cache is damaged, cut off, empty or gone', () => {
    const whole = readFileSync(cache);
    for (const at of [0, 15, 16, 40, 100, whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      writeFileSync(cache, damaged);
      assert.deepEqual(load(), ['one program.js', false], `byte ${at}`);
    }
    for (const bytes of [whole.subarray(0, -1), whole.subarray(0, 16), Buffer.alloc(0)]) {
      writeFileSync(cache, bytes);
      assert.deepEqual(load(), ['one program.js', false], `${bytes.length} bytes`);
    }
    rmSync(cache);
    assert.deepEqual(load(), ['one program.js', false]);
  });
});

describe('the daemon as it is built', { skip: notBuilt }, () => {
  test('has a code cache that this node takes', () => {
    const built = join(import.meta.dirname, '../../dist');
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--eval',
        `const { loadCompiled } = require(${JSON.stringify(join(built, 'system/code-cache.js'))});
         console.log(loadCompiled(${JSON.stringify(join(built, 'program/daemon.js'))}).fromCache);`,
      ],
      { encoding: 'utf8' },
    );
    assert.deepEqual([stdout, stderr], ['true\n', '']);
  });
});
