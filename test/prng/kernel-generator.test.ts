/** A source that never lets wait is read at once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DeviceSource } from '../../src/prng/device-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-source-'));
after(() => rmSync(folder, { recursive: true }));

/** Before the event loop has turned: no thread of libuv's pool was asked. */
async function isReadAtOnce(path: string): Promise<boolean> {
  const source = new DeviceSource(path, 5000);
  await source.open();
  let turned = false;
  const turn = setImmediate(() => {
    turned = true;
  });
  const data = await source.read(32);
  clearImmediate(turn);
  source.close();
  assert.equal(data.length, 32);
  assert.ok(data.some((byte) => byte !== 0) || path.endsWith('zero'));
  return !turned;
}

test("the kernel's generator is, by any name, and no other device", async () => {
  const link = join(folder, 'link');
  symlinkSync('/dev/urandom', link);
  for (const [path, atOnce] of [
    ['/dev/urandom', true],
    ['/dev/random', true],
    [link, true],
    ['/dev/zero', false],
  ] as const) {
    assert.equal(await isReadAtOnce(path), atOnce, path);
  }
});
