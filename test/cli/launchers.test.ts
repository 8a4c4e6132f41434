/** The scripts that start node: which options a Node gets. One that doesn't know an option wouldn't start. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { launcherText } from '../../src/cli/install/launcher.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-launchers-'));
after(() => rmSync(folder, { recursive: true }));

const program = join(folder, 'dist', 'program', 'main.js');
const node = join(folder, 'node');
const ours = join(folder, 'bin', 'tlsmgr');
const installed = join(folder, 'installed');
mkdirSync(join(folder, 'bin'));
mkdirSync(join(folder, 'dist', 'program'), { recursive: true });
writeFileSync(program, '');
writeFileSync(join(folder, 'dist', 'node-path'), `${node}\n`);
copyFileSync(join(import.meta.dirname, '../../bin/tlsmgr'), ours);
writeFileSync(installed, launcherText({ node, program }), { mode: 0o755 });

/** What a Node of this version would be started with. */
function argumentsFor(script: string, version: string): string[] {
  const text = `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; else printf '%s\\n' "$@"; fi\n`;
  writeFileSync(node, text, { mode: 0o755 });
  const { stdout, stderr } = spawnSync(script, ['-l', '-n', 'a b'], { encoding: 'utf8', env: {} });
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

describe('a launcher', () => {
  for (const [name, script] of [
    ['of the package', ours],
    ['of tlsmgr install', installed],
  ] as const) {
    test(`${name} hands on what it is given, words with blanks whole`, () => {
      const words = argumentsFor(script, 'v22.1.0');
      assert.deepEqual(words.slice(-3), ['-l', '-n', 'a b']);
      assert.match(words.at(-4)!, /dist\/program\/main\.js$/u);
    });

    test(`${name} gives an option only to those that are known to have it`, () => {
      for (const version of ['v24.11.1', 'v26.10.0']) {
        assert.ok(argumentsFor(script, version).includes('--no-maglev'), version);
      }
      for (const version of ['v20.19.0', 'v22.1.0', 'v27.0.0', 'v30.1.0', 'v240.0.0', '']) {
        const words = argumentsFor(script, version);
        assert.equal(words[1], '--max-semi-space-size=2');
        assert.match(words[2]!, /main\.js$/u, version);
      }
    });
  }
});
