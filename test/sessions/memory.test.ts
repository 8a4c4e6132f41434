/**
 * Memory of a cache, counted by the kernel, in a process of its own: a share of
 * the raw bytes, also after repeated replacement, and given back after expiry.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';

const program = fileURLToPath(new URL('measured-process.ts', import.meta.url));

interface Measured {
  emptyBytes: number;
  filledBytes: number;
  replacedBytes: number;
  expiredBytes: number;
  rawBytes: number;
}

void describe('the memory of a cache', () => {
  void test('is at most 1.3 times what it holds, and goes back', { timeout: 120_000 }, () => {
    const child = spawnSync(process.execPath, ['--expose-gc', '--import', 'tsx', program], {
      encoding: 'utf8',
    });
    assert.equal(child.status, 0, child.stderr);
    const measured = JSON.parse(child.stdout) as Measured;
    const share = (bytes: number): number => (bytes - measured.emptyBytes) / measured.rawBytes;
    assert.ok(share(measured.filledBytes) < 1.15, `filled: ${share(measured.filledBytes)}`);
    assert.ok(share(measured.replacedBytes) < 1.3, `replaced: ${share(measured.replacedBytes)}`);
    assert.ok(share(measured.expiredBytes) < 0.15, `expired: ${share(measured.expiredBytes)}`);
  });
});
