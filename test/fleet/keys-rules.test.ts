import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { KeyRules } from '../../src/fleet/keys/key-rules.ts';
import type { KeyValue } from '../../src/fleet/keys/key-value.ts';
import { continuationOf, type KnownKey } from '../../src/fleet/keys/known-key.ts';
import { Periods } from '../../src/fleet/keys/periods.ts';
import { beginSeconds, firstPeriod as n, periodSeconds, pool, randomKey } from './test-fleet.ts';

function setUp() {
  const clock = {
    seconds: beginSeconds,
    ms: 5_000_000,
    /** The engine's clock. */
    engineMs: (beginSeconds - 1000) * 1000,
    nowSeconds: () => clock.seconds,
    monotonicMs: () => clock.ms,
    pass(seconds: number) {
      clock.seconds += seconds;
      clock.ms += seconds * 1000;
      clock.engineMs += seconds * 1000;
    },
  };
  const newRules = (): KeyRules =>
    new KeyRules({ periods: new Periods(periodSeconds), pool, clock, host: 'mx1' });
  /** Takes notice of the key of a value, as if it were in the engine now. */
  const see = (rules: KeyRules, period: number, value: KeyValue): boolean =>
    rules.take(period, value.key.toString('base64url', 0, 16), value, clock.engineMs);
  const valueOf = (key: KnownKey): KeyValue => ({
    origin: key.origin,
    putAtMs: clock.engineMs,
    key: key.bytes.subarray(0, 80),
    maker: key.maker,
  });
  const fresh = (period: number, putAgo = 0, origin = period): KeyValue => ({
    origin,
    putAtMs: clock.engineMs - putAgo * 1000,
    key: randomKey().subarray(0, 80),
    maker: 'mx2',
  });
  const confirmed = (rules: KeyRules, period: number, origin = period): KnownKey => {
    const value = fresh(period, 210, origin);
    assert.ok(see(rules, period, value));
    return rules.named(value.key.toString('base64url', 0, 16))!;
  };
  return { clock, rules: newRules(), newRules, see, valueOf, fresh, confirmed };
}

const periodsOf = (keys: readonly KnownKey[]): number[] =>
  keys.map(({ period }) => period).toSorted((one, other) => one - other);

describe('random keys', () => {
  test('are made for three periods at the start, and then for two periods ahead', () => {
    const { clock, rules } = setUp();
    assert.deepEqual(rules.opening(), []);
    rules.makeDue(n);
    assert.deepEqual(periodsOf(rules.opening()), [n, n + 1, n + 2]);
    rules.makeDue(n);
    assert.equal(rules.made, 3);
    clock.pass(periodSeconds);
    rules.turn();
    rules.makeDue(n + 1);
    assert.equal(rules.made, 4);
    assert.ok(rules.opening().some(({ period, origin }) => period === n + 3 && origin === n + 3));
  });

  test('are not made where another host has made them, or older ones lead on', () => {
    const { rules, see, fresh, confirmed } = setUp();
    see(rules, n + 2, fresh(n + 2));
    confirmed(rules, n - 1);
    rules.turn();
    rules.makeDue(n);
    assert.equal(rules.made, 0);
    assert.equal(rules.sealing()?.origin, n - 1);
  });

  test('are made for two periods ahead, even if a continued key is known there', () => {
    const { rules, see, fresh } = setUp();
    see(rules, n + 2, fresh(n + 2, 0, n));
    rules.makeDue(n);
    assert.ok(rules.opening().some(({ period, origin }) => period === n + 2 && origin === n + 2));
  });
});

describe('a key is confirmed', () => {
  test('when it is seen again 90 s after it was first seen', () => {
    const { clock, rules, see, fresh } = setUp();
    const value = fresh(n);
    see(rules, n, value);
    assert.equal(rules.sealing()?.confirmed, false);
    clock.pass(89);
    see(rules, n, value);
    assert.equal(rules.sealing()?.confirmed, false);
    clock.pass(1);
    assert.equal(rules.sealing()?.confirmed, false, 'not seen again yet');
    see(rules, n, value);
    assert.equal(rules.sealing()?.confirmed, true);
  });

  test('by the monotonic clock, wherever the other one is set', () => {
    const { clock, rules, see, fresh } = setUp();
    const value = fresh(n);
    see(rules, n, value);
    clock.seconds += 1000;
    see(rules, n, value);
    assert.equal(rules.sealing()?.confirmed, false);
    clock.ms += 90_000;
    see(rules, n, value);
    assert.equal(rules.sealing()?.confirmed, true);
  });

  test('at once when it was put there 210 s ago', () => {
    const { rules, see, fresh } = setUp();
    see(rules, n, fresh(n, 209));
    assert.equal(rules.sealing()?.confirmed, false);
    see(rules, n, fresh(n, 210));
    assert.equal(rules.sealing()?.confirmed, true);
  });

  test('when the key is that it continues', () => {
    const { rules, confirmed, see, fresh } = setUp();
    confirmed(rules, n - 1);
    rules.turn();
    assert.equal(rules.sealing()?.confirmed, true);
    see(rules, n - 1, fresh(n - 1));
    rules.turn();
    const children = rules.opening().filter(({ period }) => period === n);
    assert.deepEqual(children.map((key) => `${key.confirmed}`).toSorted(), ['false', 'true']);
  });
});

describe('the key that seals', () => {
  test('is the confirmed one of the newest origin, of several the lowest name', () => {
    const { rules, see, fresh, confirmed } = setUp();
    confirmed(rules, n, n - 2);
    assert.equal(rules.sealing()?.origin, n - 2);
    const names = [0, 1, 2, 3].map(() => confirmed(rules, n).bytes.toString('hex', 0, 16));
    see(rules, n, fresh(n));
    assert.equal(rules.sealing()?.origin, n);
    assert.equal(rules.sealing()?.bytes.toString('hex', 0, 16), names.toSorted()[0]);
  });

  test('without a confirmed one is that which was put into the engine first', () => {
    const { rules, see, fresh } = setUp();
    rules.make(n);
    assert.equal(rules.sealing()?.madeHere, true, 'its own is all that there is');
    see(rules, n, fresh(n, 10));
    const first = fresh(n, 20);
    see(rules, n, first);
    see(rules, n, fresh(n, 5));
    assert.deepEqual(rules.sealing()?.bytes.subarray(0, 80), first.key);
  });

  test('is of the period of the clock, from its first to its last second', () => {
    const { clock, rules, confirmed } = setUp();
    confirmed(rules, n);
    confirmed(rules, n + 1);
    clock.pass((n + 1) * periodSeconds - clock.seconds - 1);
    assert.equal(rules.sealing()?.period, n);
    clock.pass(1);
    assert.equal(rules.sealing()?.period, n + 1);
  });
});

describe('a continued key', () => {
  test('is HKDF over the 80 bytes of the key before it, name and all', () => {
    const key = randomKey();
    const expected = Buffer.from(
      hkdfSync('sha256', key.subarray(0, 80), Buffer.alloc(0), 'next', 80),
    );
    assert.deepEqual(continuationOf(key)!.subarray(0, 80), expected);
    assert.equal(continuationOf(key)!.length, 88);
  });

  test('is the same on each host that knows the key before it', () => {
    const { clock, rules, newRules, see, fresh } = setUp();
    const other = newRules();
    const value = fresh(n, 210);
    see(rules, n, value);
    see(other, n, value);
    clock.pass(periodSeconds);
    assert.deepEqual(rules.sealing()?.bytes, other.sealing()?.bytes);
    assert.notDeepEqual(rules.sealing()?.bytes.subarray(0, 80), value.key);
  });

  test('keeps origin and maker through all periods without a new key', () => {
    const { clock, rules, confirmed } = setUp();
    confirmed(rules, n);
    for (let period = n + 1; period <= n + 12; period += 1) {
      clock.pass(periodSeconds);
      const { confirmed: isConfirmed, maker, origin } = rules.sealing()!;
      assert.deepEqual([isConfirmed, maker, origin], [true, 'mx2', n]);
    }
    clock.pass(12 * periodSeconds);
    assert.equal(rules.sealing()?.origin, n, 'the host slept for 12 periods');
    clock.pass(60 * periodSeconds);
    assert.equal(rules.sealing(), undefined);
  });

  test('of an older origin ends where a random key is known', () => {
    const { rules, confirmed } = setUp();
    confirmed(rules, n);
    confirmed(rules, n - 1, n - 3);
    const random = confirmed(rules, n - 1);
    rules.turn();
    const origins = rules.opening().filter(({ period }) => period === n);
    assert.deepEqual(
      origins.map(({ origin }) => origin).toSorted((one, other) => one - other),
      [n - 1, n],
      'the random key of the period before leads on, the older one does not',
    );
    assert.ok(rules.named(continuationOf(random.bytes)!.toString('base64url', 0, 16)));
  });

  test('without a random key goes back to the newest two origins', () => {
    const { rules, confirmed } = setUp();
    for (const origin of [n - 3, n - 4, n - 5]) {
      confirmed(rules, n - 1, origin);
    }
    rules.turn();
    const continued = rules.opening().filter(({ period }) => period === n);
    assert.deepEqual(
      continued.map(({ origin }) => origin).toSorted((one, other) => one - other),
      [n - 4, n - 3],
    );
    assert.equal(rules.sealing()?.origin, n - 3);
  });
});

describe('what the engine lacks', () => {
  const fieldsOf = (keys: readonly KnownKey[]): string[] => keys.map(({ field }) => field);

  test('are random keys made here or confirmed, and no others', () => {
    const { rules, see, fresh, confirmed } = setUp();
    const own = rules.make(n);
    const known = confirmed(rules, n);
    see(rules, n, fresh(n));
    const here = (isThere: (key: KnownKey) => boolean): string[] =>
      fieldsOf(rules.lacking(n, isThere).filter(({ period }) => period === n));
    assert.deepEqual(
      here(() => false),
      fieldsOf([own, known]),
    );
    assert.deepEqual(
      here(({ field }) => field === own.field),
      [known.field],
    );
  });

  test('is what has sealed, whatever it is, as long as it opens', () => {
    const { clock, rules, see, fresh, confirmed } = setUp();
    const value = fresh(n - 2);
    confirmed(rules, n);
    assert.equal(see(rules, n - 2, value), false, 'its time is over');
    const parent = confirmed(rules, n - 1);
    rules.turn();
    const [child] = rules.opening().filter(({ origin, period }) => period === n && origin < n);
    const isThere = ({ origin, period }: KnownKey): boolean => origin === n || period === n + 1;
    assert.deepEqual(rules.lacking(n, isThere), [parent]);
    child!.sealed = true;
    assert.deepEqual(rules.lacking(n, isThere), [parent, child]);
    clock.pass(2 * periodSeconds);
    assert.ok(!rules.lacking(n + 2, () => false).includes(child!));
  });

  test('are continued keys of this period and the next while no random one is known', () => {
    const { rules, confirmed } = setUp();
    const parent = confirmed(rules, n - 1);
    rules.turn();
    assert.deepEqual(periodsOf(rules.lacking(n, () => false)), [n - 1, n, n + 1]);
    rules.make(n);
    assert.deepEqual(
      rules.lacking(n, (key) => key === parent).map(({ period, origin }) => [period, origin]),
      [
        [n, n],
        [n + 1, n - 1],
      ],
    );
  });
});

describe('what is held', () => {
  test('are at most 120 keys of a period from the engine', () => {
    const { rules, see, fresh } = setUp();
    const taken = Array.from({ length: 130 }, () => see(rules, n + 1, fresh(n + 1)));
    assert.equal(taken.filter(Boolean).length, 120);
    assert.equal(rules.opening().length, 120);
    assert.ok(see(rules, n, fresh(n)), 'another period has its own');
  });

  test('opens until 300 s after the end of the next period, then nothing of it is left', () => {
    const { clock, rules, confirmed } = setUp();
    const key = confirmed(rules, n);
    const { bytes, field } = key;
    clock.pass((n + 2) * periodSeconds + 299 - clock.seconds);
    assert.equal(rules.named(field), key);
    clock.pass(1);
    assert.equal(rules.named(field), undefined);
    rules.turn();
    assert.ok(bytes.every((byte) => byte === 0));
  });

  test('ends by the monotonic clock when the other one is set back', () => {
    const { clock, rules, confirmed } = setUp();
    const key = confirmed(rules, n);
    const lifeMs = (2 * periodSeconds - 600 + 300) * 1000;
    clock.ms += lifeMs - 1;
    assert.equal(rules.sealing(), key);
    assert.equal(rules.named(key.field), key);
    clock.ms += 1;
    assert.equal(rules.named(key.field), undefined);
    assert.notEqual(rules.sealing(), key);
    assert.ok(key.bytes.every((byte) => byte === 0));
  });

  test('is overwritten as a whole, keys of all periods', () => {
    const { rules, confirmed } = setUp();
    confirmed(rules, n - 1);
    confirmed(rules, n + 2);
    rules.makeDue(n);
    rules.turn();
    const all = rules.opening().map(({ bytes }) => bytes);
    assert.ok(all.length >= 4);
    rules.wipe();
    assert.ok(all.every((bytes) => bytes.every((byte) => byte === 0)));
    assert.deepEqual(rules.opening(), []);
  });

  test('tells when something is to be done next', () => {
    const { clock, rules, confirmed } = setUp();
    assert.equal(rules.nextChangeSeconds, 1200, 'the end of the period');
    confirmed(rules, n - 1);
    clock.pass(1100);
    assert.equal(rules.nextChangeSeconds, 100);
    clock.pass(150);
    assert.equal(rules.nextChangeSeconds, 250, 'the key of the period before');
  });
});
