/** A source that never lets wait is read at once. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DeviceSource } from '../../src/prng/device-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-source-'));
after(() => rmSync(folder, { recursive: true }));

/** Before the event loop has done anything: no thread of libuv's pool was asked, however quick. */
async function isReadAtOnce(path: string): Promise<boolean> {
  const source = new DeviceSource(path, 5000);
  await source.open();
  let isRead = false;
  const reading = source.read(32).then((data) => {
    isRead = true;
    return data;
  });
  // All that doesn't wait for the event loop.
  await new Promise((resolve) => {
    process.nextTick(() => queueMicrotask(() => process.nextTick(resolve)));
  });
  const atOnce = isRead;
  const data = await reading;
  source.close();
  assert.equal(data.length, 32);
  assert.ok(data.some((byte) => byte !== 0) || path.endsWith('zero'));
  return atOnce;
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
