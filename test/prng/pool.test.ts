import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Pool } from '../../src/prng/pool.ts';

function setUp(entropy: (target: Buffer) => void = (target) => void target.fill(7)) {
  const clock = { ms: 1000, nowSeconds: () => 1, monotonicMs: () => clock.ms };
  return { clock, pool: new Pool({ clock, systemEntropy: entropy }) };
}

function take(pool: Pool, bytes: number): Buffer {
  const target = Buffer.alloc(bytes);
  pool.fill(target, 0, bytes);
  return target;
}

/** The same entropy in the same order for each pool that gets its own. */
function countingEntropy(): (target: Buffer) => void {
  let calls = 0;
  return (target) => {
    calls += 1;
    target.fill(calls);
  };
}

describe('pool', () => {
  test('fills what it is told to, and nothing around it', () => {
    const { pool } = setUp();
    fc.assert(
      fc.property(fc.nat({ max: 50 }), fc.integer({ min: 8, max: 10_000 }), (start, length) => {
        const target = Buffer.alloc(start + length + 10, 0xaa);
        pool.fill(target, start, start + length);
        assert.ok(target.subarray(0, start).every((byte) => byte === 0xaa));
        assert.ok(target.subarray(start + length).every((byte) => byte === 0xaa));
        assert.ok(target.subarray(start, start + length).some((byte) => byte !== 0xaa));
      }),
      { numRuns: 100 },
    );
  });

  test('never gives the same twice', () => {
    const { pool } = setUp();
    const seen = new Set<string>();
    for (let count = 0; count < 5000; count += 1) {
      seen.add(take(pool, 16).toString('hex'));
    }
    assert.equal(seen.size, 5000);
  });

  test('short output may be anything, zero included', () => {
    const { pool } = setUp();
    const counts = new Map<number, number>();
    for (let count = 0; count < 20_000; count += 1) {
      const [byte] = take(pool, 1);
      counts.set(byte!, (counts.get(byte!) ?? 0) + 1);
    }
    assert.equal(counts.size, 256);
  });

  test('two pools part for good once the system gives them different bytes', () => {
    const { pool } = setUp((target) => void target.fill(1));
    const { pool: twin } = setUp((target) => void target.fill(2));
    assert.notDeepEqual(take(pool, 32), take(twin, 32));
  });

  test('outside data changes what comes, at once', () => {
    const one = setUp(countingEntropy());
    const two = setUp(countingEntropy());
    one.pool.reseed(Buffer.from('a'));
    two.pool.reseed(Buffer.from('b'));
    assert.notDeepEqual(take(one.pool, 32), take(two.pool, 32));
  });

  test('the system is asked at every refill, and after a second', () => {
    let asked = 0;
    const { pool, clock } = setUp((target) => {
      asked += 1;
      target.fill(asked);
    });
    take(pool, 32);
    const earlier = asked;
    take(pool, 32);
    assert.equal(asked, earlier);
    clock.ms += 1001;
    take(pool, 32);
    assert.equal(asked, earlier + 1);
    for (let count = 0; count < 4096 / 32; count += 1) {
      take(pool, 32);
    }
    assert.equal(asked, earlier + 2);
  });

  test('a clock that stands still or is set back gives no output again', () => {
    const { pool, clock } = setUp();
    const first = take(pool, 32);
    clock.ms = 0;
    assert.notDeepEqual(take(pool, 32), first);
  });

  test('output of a broken generator is withheld, all of its range', () => {
    const broken: [string, (target: Buffer) => void][] = [
      ['all zero', (target) => target.fill(0)],
      ['equal halves', (target) => target.fill('sixteen bytes...')],
      ['the same again', (target) => target.fill('a sentence of 32 bytes, repeated')],
    ];
    for (const [what, generate] of broken) {
      const clock = { nowSeconds: () => 1, monotonicMs: () => 1 };
      const pool = new Pool({
        clock,
        makeGenerator: () => ({ reseed: () => {}, generate, wipe: () => {} }),
      });
      const target = Buffer.alloc(40, 0xaa);
      assert.throws(
        () => {
          pool.fill(target, 4, 36);
          pool.fill(target, 4, 36);
        },
        { code: 'GENERATOR' },
        what,
      );
      assert.ok(target.subarray(4, 36).every((byte) => byte === 0));
      assert.equal(target[3], 0xaa);
      assert.equal(target[36], 0xaa);
    }
  });

  test('events are taken without being told back', () => {
    const { pool } = setUp();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
        const data = Buffer.from(bytes);
        pool.stirTime();
        pool.stirData(data, 0, data.length);
        assert.deepEqual(data, Buffer.from(bytes));
      }),
    );
    assert.equal(take(pool, 32).length, 32);
  });
});
