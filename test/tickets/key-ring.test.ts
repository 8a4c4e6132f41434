import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { RandomPool } from '../../src/prng/random.ts';
import { KeyRing } from '../../src/tickets/key-ring.ts';
import { keyNameBytes, ticketKeyBytes } from '../../src/tickets/ticket-key.ts';

/** Each call is filled with other bytes. */
function countingPool(): RandomPool {
  let calls = 0;
  return {
    fill(target, start, end) {
      calls += 1;
      for (let at = start; at < end; at += 1) {
        target[at] = (calls * 31 + at * 7 + (at >> 5)) & 0xff;
      }
    },
    stirTime: () => {},
    stirData: () => {},
  };
}

function setUp(lifetimeSeconds: number, startSeconds = 1_700_000_000) {
  const clock = {
    seconds: startSeconds,
    monotonic: 5_000_000,
    nowSeconds: () => clock.seconds,
    monotonicMs: () => clock.monotonic,
    advance(seconds: number) {
      clock.seconds += seconds;
      clock.monotonic += seconds * 1000;
    },
  };
  return { clock, ring: new KeyRing(lifetimeSeconds, countingPool(), clock) };
}

function nameOf(key: Buffer): Buffer {
  return Buffer.from(key.subarray(0, keyNameBytes));
}

function expiryOf(key: Buffer): number {
  return Number(key.readBigInt64LE(80));
}

describe('key ring', () => {
  test('a key that no sound generator makes is not handed out', () => {
    const sound = countingPool();
    const weak: [string, (key: Buffer) => void][] = [
      ['a name of zeros', (key) => key.fill(0, 0, 16)],
      ['a cipher key of zeros', (key) => key.fill(0, 16, 48)],
      ['a MAC key of zeros', (key) => key.fill(0, 48, 80)],
      ['equal halves of the cipher key', (key) => void key.copy(key, 32, 16, 32)],
      ['equal halves of the MAC key', (key) => void key.copy(key, 64, 48, 64)],
      ['twice the same key', (key) => void key.copy(key, 48, 16, 48)],
    ];
    for (const [what, spoil] of weak) {
      const pool: RandomPool = {
        ...sound,
        fill(target, start, end) {
          sound.fill(target, start, end);
          spoil(target);
        },
      };
      const clock = { nowSeconds: () => 1_700_000_000, monotonicMs: () => 1 };
      const ring = new KeyRing(3600, pool, clock);
      assert.throws(() => ring.current(), { code: 'GENERATOR' }, what);
      assert.throws(() => ring.current(), { code: 'GENERATOR' }, `${what}, asked again`);
      assert.deepEqual(ring.describe(), [], what);
    }
  });

  test('a key has 88 bytes and carries its expiry, S + T/2 - 1', () => {
    const { ring, clock } = setUp(3600);
    const key = ring.current();
    assert.equal(key.length, ticketKeyBytes);
    assert.equal(expiryOf(key), clock.seconds + 1800 - 1);
  });

  test('halves of odd lifetimes are rounded down', () => {
    const { ring, clock } = setUp(121);
    assert.equal(expiryOf(ring.current()), clock.seconds + 60 - 1);
  });

  test('the same key seals until its expiry, then another', () => {
    const { ring, clock } = setUp(3600);
    const first = nameOf(ring.current());
    clock.advance(1798);
    assert.deepEqual(nameOf(ring.current()), first);
    clock.advance(1);
    assert.notDeepEqual(nameOf(ring.current()), first);
  });

  test('a key is given out by name for as long again after its expiry', () => {
    const { ring, clock } = setUp(3600);
    const first = nameOf(ring.current());
    clock.advance(1799);
    ring.current();
    clock.advance(1799);
    assert.deepEqual(nameOf(ring.named(first, 0)!), first);
    clock.advance(1);
    assert.equal(ring.named(first, 0), undefined);
  });

  test('an unknown name has no key, and neither has a ring that never made one', () => {
    const { ring } = setUp(3600);
    assert.equal(ring.named(Buffer.alloc(16), 0), undefined);
    ring.current();
    assert.equal(ring.named(Buffer.alloc(16), 0), undefined);
  });

  test('a name is found within a larger buffer', () => {
    const { ring } = setUp(3600);
    const name = nameOf(ring.current());
    assert.ok(ring.named(Buffer.concat([Buffer.from('xx'), name, Buffer.from('yy')]), 2));
  });

  test('a clock that is set back does not stretch the life of a key', () => {
    const { ring, clock } = setUp(3600);
    const first = nameOf(ring.current());
    clock.seconds -= 1_000_000;
    clock.monotonic += 1_800_000;
    assert.notDeepEqual(nameOf(ring.current()), first);
    clock.monotonic += 1_800_000;
    assert.equal(ring.named(first, 0), undefined);
  });

  test('with lifetime 0 there are no tickets', () => {
    assert.equal(setUp(0).ring.state, 'off');
  });

  test('at any time there is a key that seals, and it can be asked for by its name', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 120, max: 8_640_000 }),
        fc.array(fc.integer({ min: 0, max: 10_000_000 }), { maxLength: 20 }),
        (lifetime, steps) => {
          const { ring, clock } = setUp(lifetime);
          for (const step of steps) {
            clock.advance(step);
            const key = ring.current();
            assert.ok(clock.seconds < expiryOf(key));
            assert.ok(ring.named(nameOf(key), 0) !== undefined);
          }
        },
      ),
    );
  });

  test('its description gives no key away', () => {
    const { ring, clock } = setUp(3600);
    const key = ring.current();
    clock.advance(1799);
    ring.current();
    const [current, previous] = ring.describe();
    assert.deepEqual(
      { seals: current?.sealsForSeconds, opens: previous?.opensForSeconds },
      { seals: 1799, opens: 1800 },
    );
    assert.doesNotMatch(
      JSON.stringify(ring.describe()),
      new RegExp(key.toString('hex', 0, 8), 'u'),
    );
  });

  test('wiping overwrites the keys', () => {
    const { ring } = setUp(3600);
    const key = ring.current();
    ring.wipe();
    assert.ok(key.every((byte) => byte === 0));
    assert.deepEqual(ring.describe(), []);
  });
});

describe('another lifetime', () => {
  test('the key that seals goes on until the time that it tells', () => {
    const { ring, clock } = setUp(3600);
    const name = nameOf(ring.current());
    ring.changeLifetime(7200);
    clock.advance(1798);
    assert.deepEqual(nameOf(ring.current()), name);
    clock.advance(1);
    const fresh = nameOf(ring.current());
    assert.notDeepEqual(fresh, name);
    clock.advance(3598);
    assert.deepEqual(nameOf(ring.current()), fresh);
    ring.wipe();
  });

  test('a shorter one ends what opens', () => {
    const { ring, clock } = setUp(3600);
    const name = nameOf(ring.current());
    clock.advance(200);
    ring.changeLifetime(120);
    assert.equal(ring.named(name, 0), undefined);
    assert.notDeepEqual(nameOf(ring.current()), name);
    ring.wipe();
  });

  test('none at all forgets every key, and another brings new ones', () => {
    const { ring } = setUp(3600);
    const key = ring.current();
    ring.changeLifetime(0);
    assert.equal(ring.state, 'off');
    assert.ok(key.every((byte) => byte === 0));
    assert.deepEqual(ring.describe(), []);
    ring.changeLifetime(3600);
    assert.ok(ring.current().some((byte) => byte !== 0));
    ring.wipe();
  });
});
