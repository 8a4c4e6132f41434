import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { verbs } from '../../src/cli/verbs.ts';
import { parametersFor } from '../../src/config/parameters.ts';

const root = join(import.meta.dirname, '../..');
const path = join(root, 'man/tlsmgr.8');
const noMan = spawnSync('man', ['--version']).status === 0 ? false : 'no man(1) here';

describe('the manual page', () => {
  const page = readFileSync(path, 'utf8');

  test('is what the tables make', () => {
    const made = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(root, 'scripts/manual.mjs'), '--print'],
      { encoding: 'utf8', cwd: root },
    );
    assert.equal(made.stderr, '');
    assert.equal(page, made.stdout, 'out of date: run node --import tsx scripts/manual.mjs');
  });

  test('has every parameter and every verb, each once', () => {
    const items = [...page.matchAll(/^\.It Va (\S+) Pq/gmu)].map((match) => match[1]!);
    assert.deepEqual(
      items.toSorted(),
      parametersFor(['NAME'])
        .map(({ name }) => name)
        .toSorted(),
    );
    const named = [...page.matchAll(/^\.It Ic (\S+)/gmu)].map((match) => match[1]!);
    assert.deepEqual(
      named,
      verbs.map(({ name }) => name),
    );
  });

  test('renders without warnings', { skip: noMan }, () => {
    const rendered = spawnSync('man', ['-l', '--warnings', '-E', 'UTF-8', path], {
      encoding: 'utf8',
      env: { ...process.env, MANWIDTH: '80', MANPAGER: 'cat', LC_ALL: 'C.UTF-8' },
    });
    assert.equal(rendered.stderr, '');
    assert.equal(rendered.status, 0);
    for (const section of ['NAME', 'SYNOPSIS', 'SECURITY', 'VERBS', 'SIGNALS', 'EXIT STATUS']) {
      assert.match(rendered.stdout, new RegExp(`^${section}$`, 'mu'));
    }
  });
});
