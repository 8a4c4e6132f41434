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

const isWiped = ({ aes, hmac }: ScopedKey): boolean =>
  [...aes, ...hmac].every((byte) => byte === 0);
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

  test('seal as they are told last, as another of several may seal; they never open longer', () => {
    const { clock, held, key, sealing } = setUp();
    const [one, other] = [key(-10, 5, 200), key(-10, -10, 200)];
    const told = (of: ScopedKey, from: number, until: number, open: number): ScopedKey => {
      const { sealFromSeconds, sealUntilSeconds, openUntilSeconds } = key(from, until, open);
      const [name, aes, hmac] = [of.name, of.aes, of.hmac].map((part) => Buffer.from(part));
      return {
        name: name!,
        aes: aes!,
        hmac: hmac!,
        sealFromSeconds,
        sealUntilSeconds,
        openUntilSeconds,
      };
    };
    const later = [told(other, -10, 150, 900), told(one, -10, -10, 900)];
    const names = [nameOf(one), nameOf(other)];
    held.take([one, other]);
    assert.equal(sealing(), names[0]);
    held.take(later);
    assert.equal(sealing(), names[1]);
    assert.equal(held.count, 2);
    assert.ok(later.every(isWiped));
    clock.seconds += 200;
    held.wipeExpired();
    assert.equal(held.count, 0);
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
    const names = [one, two].map(({ name }) => Buffer.from(name));
    held.take([one, two, twice]);
    const [ownOne, ownTwo] = names.map((name) => held.named(name)!) as [ScopedKey, ScopedKey];
    assert.ok(twice.aes.every((byte) => byte === 0) && twice.hmac.every((byte) => byte === 0));
    assert.equal(held.count, 2);
    assert.ok(![ownOne, ownTwo].some(isWiped));
    clock.seconds += 200;
    held.wipeExpired();
    assert.ok(isWiped(one) && isWiped(ownOne));
    assert.equal(held.count, 1);
    held.wipe();
    assert.ok(isWiped(two) && isWiped(ownTwo));
  });

  test('are copies: what a client does with its memory changes none, nor does the same key again', () => {
    const { held, key } = setUp();
    const given = key(0, 100, 200);
    const [name, aes] = [Buffer.from(given.name), Buffer.from(given.aes)];
    assert.equal(held.take([given]), 0);
    // A client that keeps its keys gives the same memory, which is overwritten by now.
    assert.equal(held.take([given]), 1);
    aes.copy(given.aes);
    name.copy(given.name);
    given.hmac.fill(3);
    held.take([given]);
    assert.deepEqual([held.sealing()?.name, held.sealing()?.aes], [name, aes]);
  });

  test('seal nothing when they have become weak, however that came about', () => {
    const { held, key } = setUp();
    held.take([key(0, 100, 200)]);
    held.sealing()!.aes.fill(0);
    assert.equal(held.sealing(), undefined);
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

  for (const step of [-3600, -86_400, -365 * 86_400]) {
    test(`go on sealing to their end when the clock is set by ${step} s`, () => {
      const { clock, held, key } = setUp();
      let elapsed = 0;
      clock.monotonicMs = () => elapsed * 1000;
      held.take([key(-10, 100, 200)]);
      clock.seconds += step;
      assert.ok(held.sealing() !== undefined);
      assert.ok(held.sealsForSeconds <= 100);
      elapsed += 103;
      assert.equal(held.sealing(), undefined);
      assert.equal(held.sealsForSeconds, 0);
      elapsed += 98;
      held.wipeExpired();
      assert.equal(held.count, 0);
    });
  }

  test('made before the clock was set back live no longer than others', () => {
    const { clock, held, key } = setUp();
    const year = 365 * 86_400;
    let elapsed = 0;
    clock.monotonicMs = () => elapsed * 1000;
    held.take([key(year, year + 100, year + 200)]);
    assert.equal(held.count, 1);
    assert.equal(held.sealsForSeconds, 0);
    elapsed += 200;
    held.wipeExpired();
    assert.equal(held.count, 0);
  });

  test('are sixteen at most, the newest', () => {
    const { held, key } = setUp();
    const keys = Array.from({ length: 20 }, (_, at) => key(at - 30, 100 + at, 200 + at));
    held.take(keys);
    assert.equal(held.count, 16);
    assert.ok(keys[0]!.aes.every((byte) => byte === 0));
  });

  test('that seal later, or no more, never take the place of the one that seals', () => {
    const { held, key, sealing } = setUp();
    const one = key(-10, 100, 200);
    const name = nameOf(one);
    held.take([one]);
    held.take(Array.from({ length: 16 }, (_, at) => key(4_000_000 + at, 4_000_100, 4_000_200)));
    held.take(Array.from({ length: 16 }, () => key(-5, -5, 200)));
    assert.equal(sealing(), name);
    assert.equal(held.count, 16);
    assert.equal(held.sealsForSeconds, 100);
    assert.equal(held.lifetimeSeconds, 100);
  });

  const spoiled: [string, (key: ScopedKey) => unknown][] = [
    ['no key', () => null],
    ['a number', () => 5],
    ['a fraction of a second', (key) => ({ ...key, sealUntilSeconds: key.sealUntilSeconds + 0.5 })],
    ['an end that is a fraction', (key) => ({ ...key, openUntilSeconds: 1e10 / 3 })],
    ['times that are texts', (key) => ({ ...key, openUntilSeconds: `${key.openUntilSeconds}` })],
    ['times that are dates', (key) => ({ ...key, sealUntilSeconds: new Date(5000) })],
    ['bytes that are none', (key) => ({ ...key, aes: Object.create(Buffer.prototype) as Buffer })],
    [
      'a field that throws',
      (key) => ({
        ...key,
        get hmac() {
          throw new Error('unreadable');
        },
      }),
    ],
  ];
  for (const [what, spoil] of spoiled) {
    test(`are refused, and the others taken: ${what}`, () => {
      const { held, key } = setUp();
      const list = [spoil(key(0, 100, 200)), key(0, 100, 200)] as ScopedKey[];
      assert.equal(held.take(list), 1);
      assert.equal(held.count, 1);
      assert.ok(isWiped(list[1]!));
    });
  }
});
