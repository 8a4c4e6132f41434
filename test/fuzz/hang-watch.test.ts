/** An input that never ends is a finding, too: it is printed, and the run ends. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

test('an input that never ends is told', () => {
  const child = join(import.meta.dirname, 'hang-child.ts');
  const { stdout, signal } = spawnSync(process.execPath, ['--import', 'tsx', child], {
    encoding: 'utf8',
  });
  assert.equal(signal, 'SIGKILL');
  assert.match(stdout, /^an input has taken more than/u);
  assert.ok(stdout.includes(Buffer.from('never ends').toString('hex')));
});
