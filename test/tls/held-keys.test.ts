import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import type { ScopedKey } from '../../src/tickets/scoped-key.ts';
import { HeldKeys } from '../../src/tls/held-keys.ts';
import { testClock } from './tlsmgr-double.ts';

function setUp() {
  const clock = testClock();
  const held = new HeldKeys(clock);
  const start = clock.seconds;
  const key = (from: number, until: number, open: number): ScopedKey => ({
    name: randomBytes(16),
    aes: randomBytes(16),
    hmac: randomBytes(32),
    sealFromSeconds: start + from,
    sealUntilSeconds: start + until,
    openUntilSeconds: start + open,
  });
  const sealing = (): string | undefined => held.sealing()?.name.toString('hex');
  return { clock, held, key, sealing };
}

const nameOf = ({ name }: ScopedKey): string => name.toString('hex');

describe('keys that are held', () => {
  test('the first seals at once, a new one after two seconds, the old one so much longer', () => {
    const { clock, held, key, sealing } = setUp();
    const [old, fresh] = [key(0, 100, 200), key(100, 200, 300)];
    const names = [nameOf(old), nameOf(fresh)];
    held.take([old]);
    assert.equal(sealing(), names[0]);
    clock.seconds += 100;
    held.take([fresh]);
    assert.equal(sealing(), names[0]);
    clock.seconds += 2;
    assert.equal(sealing(), names[1]);
    assert.ok(held.named(Buffer.from(names[0]!, 'hex')) !== undefined);
  });

  test('a new one seals at once when the old one is over', () => {
    const { clock, held, key, sealing } = setUp();
    held.take([key(0, 100, 200)]);
    clock.seconds += 110;
    assert.equal(sealing(), undefined);
    const fresh = key(110, 210, 310);
    const name = nameOf(fresh);
    held.take([fresh]);
    assert.equal(sealing(), name);
  });

  test('one that seals later opens already', () => {
    const { held, key, sealing } = setUp();
    const coming = key(50, 150, 250);
    const name = Buffer.from(coming.name);
    held.take([coming]);
    assert.equal(sealing(), undefined);
    assert.ok(held.named(name) !== undefined);
  });

  test('are overwritten when they open no more, when they come twice, and at the end', () => {
    const { clock, held, key } = setUp();
    const [one, two] = [key(0, 100, 200), key(0, 300, 400)];
    const twice: ScopedKey = {
      ...one,
      name: Buffer.from(one.name),
      aes: Buffer.alloc(16, 7).fill(1, 8),
      hmac: randomBytes(32),
    };
    held.take([one, two, twice]);
    assert.ok(twice.aes.every((byte) => byte === 0) && twice.hmac.every((byte) => byte === 0));
    assert.equal(held.count, 2);
    clock.seconds += 200;
    held.wipeExpired();
    assert.ok(one.aes.every((byte) => byte === 0) && one.hmac.every((byte) => byte === 0));
    assert.equal(held.count, 1);
    held.wipe();
    assert.ok(two.aes.every((byte) => byte === 0) && two.hmac.every((byte) => byte === 0));
  });

  test('live no longer when the clock is set back', () => {
    const { clock, held, key } = setUp();
    const one = key(0, 100, 200);
    const name = Buffer.from(one.name);
    held.take([one]);
    clock.monotonicMs = () => (clock.seconds + 1000) * 1000;
    clock.seconds -= 800;
    assert.equal(held.named(name), undefined);
    assert.equal(held.sealing(), undefined);
  });

  test('are sixteen at most, the newest', () => {
    const { held, key } = setUp();
    const keys = Array.from({ length: 20 }, (_, at) => key(at - 30, 100 + at, 200 + at));
    held.take(keys);
    assert.equal(held.count, 16);
    assert.ok(keys[0]!.aes.every((byte) => byte === 0));
  });
});
