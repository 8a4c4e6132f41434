import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { HealthTests, proportionCutoff, repetitionCutoff } from '../../src/prng/health-tests.ts';

describe('health tests of SP 800-90B', () => {
  test('the cutoffs are those of the standard, at a false-alarm rate of 2^-30', () => {
    assert.deepEqual(
      [1, 2, 4, 8].map((bits) => repetitionCutoff(bits)),
      [31, 16, 9, 5],
    );
    // 1 + CRITBINOM(512, 2^-H, 1 - 2^-30), computed in exact fractions.
    assert.deepEqual(
      [1, 2, 4, 8].map((bits) => proportionCutoff(bits)),
      [325, 190, 71, 16],
    );
  });

  test('good data passes', () => {
    const tests = new HealthTests();
    for (let count = 0; count < 200; count += 1) {
      assert.equal(tests.check(randomBytes(32)), true);
    }
  });

  test('a stuck byte fails at the cutoff, over any number of reads', () => {
    const tests = new HealthTests();
    assert.equal(tests.check(Buffer.alloc(15)), true);
    assert.equal(tests.check(Buffer.alloc(15)), true);
    assert.equal(tests.check(Buffer.alloc(1)), false);
  });

  test('a byte that comes too often fails, though never twice in a row', () => {
    const tests = new HealthTests();
    const data = Buffer.from(
      Array.from({ length: 512 }, (_, index) => (index % 3 === 1 ? index : 5)),
    );
    assert.equal(new Set(data.filter((byte, index) => byte === data[index + 1])).size <= 1, true);
    assert.equal(tests.check(data), false);
  });

  test('a source is healthy again when its data is', () => {
    const tests = new HealthTests();
    assert.equal(tests.check(Buffer.alloc(64)), false);
    assert.equal(tests.check(Buffer.from('of many kinds of bytes')), true);
  });
});
