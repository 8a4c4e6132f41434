/** The clock goes on evenly when its source changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectManyReads, systemClock } from '../../src/system/clock.ts';

test('neither goes back nor leaps where it begins to be read often', () => {
  const before = systemClock.monotonicMs();
  const real = process.hrtime.bigint();
  expectManyReads();
  const times = Array.from({ length: 1000 }, () => systemClock.monotonicMs());
  const passedMs = Number(process.hrtime.bigint() - real) / 1e6;
  let last = before;
  for (const ms of times) {
    assert.ok(ms >= last, `${ms} after ${last}`);
    last = ms;
  }
  assert.ok(last - before <= passedMs + 1, `${last - before} ms in ${passedMs}`);
});
