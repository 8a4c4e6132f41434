/** The completions are those of the table, and a real bash completes with them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { verbs } from '../../src/cli/verbs.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'completions');

/** What bash offers behind these words, the last of which is being typed. */
function completed(...words: string[]): string[] {
  const script = `
    source "$1"; shift
    COMP_WORDS=(tlsmgr "$@") COMP_CWORD=$#
    _tlsmgr
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync(
    'bash',
    ['--norc', '-c', script, 'bash', join(folder, 'tlsmgr.bash'), ...words],
    { encoding: 'utf8', cwd: root },
  );
  assert.equal(stderr, '');
  return stdout.split('\n').filter((line) => line !== '');
}

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

describe('completions', () => {
  let made: Record<string, string>;
  before(() => {
    const { stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(root, 'scripts/completions.mjs'), '--print'],
      { encoding: 'utf8' },
    );
    made = JSON.parse(stdout) as Record<string, string>;
  });

  test('are those of the table of verbs, and go into the package', () => {
    assert.deepEqual(readdirSync(folder).toSorted(), Object.keys(made).toSorted());
    for (const [name, text] of Object.entries(made)) {
      const written = readFileSync(join(folder, name), 'utf8');
      assert.equal(written, text, `${name} is out of date: run npm run completions`);
      for (const { name: verb, options } of verbs) {
        assert.ok(text.includes(verb));
        for (const option of Object.keys(options)) {
          assert.ok(text.includes(option), `${name}: ${verb} --${option}`);
        }
      }
    }
    const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      files: string[];
    };
    assert.ok(files.includes('completions'));
  });

  test(
    'bash completes verbs, options, caches, parameters and folders',
    { skip: !has('bash') },
    () => {
      assert.deepEqual(completed('st'), ['status']);
      assert.deepEqual(completed('un'), ['uninstall']);
      assert.ok(completed('').includes('version'));
      assert.deepEqual(completed('status', '--n'), ['--nagios']);
      assert.deepEqual(completed('list', ''), ['smtpd', 'smtp', 'lmtp']);
      assert.deepEqual(completed('list', '--limit', '5', 'l'), ['lmtp']);
      assert.deepEqual(completed('list', 'smtp', ''), []);
      assert.deepEqual(completed('config', 'tlsmgr_metrics'), ['tlsmgr_metrics_listen']);
      assert.deepEqual(completed('config', 'max_use', 'max_i'), ['max_idle']);
      assert.deepEqual(completed('serve', '-o', 'tlsmgr_metrics'), ['tlsmgr_metrics_listen=']);
      assert.deepEqual(completed('check', '-c', 'sr'), ['src']);
      assert.deepEqual(completed('status', '--socket', 'package.j'), ['package.json']);
      assert.deepEqual(completed('help', 'b'), ['bench']);
      assert.deepEqual(completed('status', '--interval', ''), []);
    },
  );

  for (const [shell, name] of [
    ['zsh', '_tlsmgr'],
    ['fish', 'tlsmgr.fish'],
  ] as const) {
    test(`${shell} reads its own`, { skip: !has(shell) && `${shell} is not installed` }, () => {
      const { status, stderr } = spawnSync(shell, ['-n', join(folder, name)], { encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, '']);
    });
  }
});
