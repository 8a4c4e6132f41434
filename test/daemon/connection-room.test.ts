import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { describe, test } from 'node:test';
import { roomFor } from '../../src/daemon/connection-room.ts';
import { openDescriptors } from '../../src/system/calls.ts';

describe('room for connections', () => {
  test('is what is free, less what others may want', () => {
    for (const [limit, open, metrics, connections] of [
      [1024, 30, false, 978],
      [1024, 30, true, 962],
      // Few are free: half of them, and at least one.
      [64, 29, true, 17],
      [64, 63, true, 1],
      [64, 64, false, 1],
    ] as const) {
      assert.equal(roomFor({ limit, open, metrics }).connections, connections);
    }
  });

  test('open descriptors are counted without /proc', () => {
    // Threads of the test's own may open and close a few meanwhile.
    const before = openDescriptors();
    const opened = Array.from({ length: 200 }, () => openSync('/dev/null', 'r'));
    const more = openDescriptors() - before;
    for (const fd of opened) {
      closeSync(fd);
    }
    assert.ok(Math.abs(more - 200) < 50, `${more}`);
    assert.ok(Math.abs(openDescriptors() - before) < 50);
  });
});
