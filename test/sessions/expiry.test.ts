/** Expired entries go in steps, so that nobody waits for many of them at once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { geometryOf } from '../../src/sessions/file/geometry.ts';
import type { ByteSpan } from '../../src/sessions/session-cache.ts';

function span(text: string): ByteSpan {
  const buffer = Buffer.from(text);
  return { buffer, start: 0, end: buffer.length };
}

describe('expired entries', () => {
  test('go 64 every 4 ms and two with each update, and no look-up returns one', (t) => {
    let seconds = 1000;
    const timers: { run: () => void; ms: number }[] = [];
    t.mock.method(globalThis, 'setTimeout', (run: () => void, ms: number) => {
      timers.push({ run, ms });
      return { unref: () => {} };
    });
    const clock = { nowSeconds: () => seconds, monotonicMs: () => seconds * 1000 };
    const limits = { lifetimeSeconds: 3600, sizeLimitBytes: 0, entryLimit: 0 };
    const log = new CircularLog({ ...limits, ...geometryOf(0) }, { clock });
    for (let count = 0; count < 200; count += 1) {
      log.update(span(`id ${count}`), span('a session'));
    }
    seconds += 3601;
    assert.equal(log.lookup(span('id 199')), undefined);
    assert.equal(log.statistics().expired, 1);
    log.update(span('new'), span('a session'));
    assert.equal(log.statistics().expired, 3);

    const steps: number[] = [];
    while (log.statistics().expired < 200 && steps.length < 10) {
      const { run } = timers.pop()!;
      const before = log.statistics().expired;
      run();
      steps.push(log.statistics().expired - before);
    }
    assert.deepEqual(steps, [64, 64, 64, 5]);
    assert.ok(timers.every(({ ms }) => ms >= 4));
    assert.equal(log.statistics().entries, 1);
    assert.notEqual(log.lookup(span('new')), undefined);
    log.closeNow();
  });
});
