import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratchDirectory } from './scratch.ts';

const skip = process.getuid?.() === 0 ? false : 'only root may change its root directory';

for (const [zone, times] of [
  ['Asia/Tokyo', ['Jan  1 09:00:00', 'Jul  1 09:00:00', 'Dec 25 05:00:00']],
  ['America/New_York', ['Dec 31 19:00:00', 'Jun 30 20:00:00', 'Dec 24 15:00:00']],
] as const) {
  test(`in a chroot, the log goes on in the time of ${zone}`, { skip }, () => {
    const directory = scratchDirectory();
    const child = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'chroot-child.ts'), directory],
      { encoding: 'utf8', env: { ...process.env, TZ: zone } },
    );
    assert.equal(child.stderr, '');
    const result = JSON.parse(child.stdout) as {
      outer: string[];
      inner: string[];
      times: string[];
    };
    assert.deepEqual(result.times, times);
    const texts = (lines: string[]): string[] => lines.map((line) => line.replace(/.*: /, ''));
    assert.deepEqual(texts(result.outer), ['before', 'after']);
    assert.deepEqual(texts(result.inner), ['restarted']);
  });
}
