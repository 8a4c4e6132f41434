import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DerivedKeys } from '../../src/fleet/keys/derived-keys.ts';
import { sealsOf } from '../../src/fleet/sealing.ts';
import type { Seals } from '../../src/fleet/seals.ts';
import { expiryOf, isWeakTicketKey } from '../../src/tickets/ticket-key.ts';
import { OpenSeals } from './open-seals.ts';
import {
  beginSeconds,
  firstPeriod as n,
  lifetimeSeconds,
  logTo,
  periodSeconds,
} from './test-fleet.ts';
import { nameOf, TwoSlots } from './two-slots.ts';
import { VirtualTime } from './virtual-time.ts';

const openSeals: Seals = new OpenSeals();
const [oldSecret, newSecret] = [Buffer.alloc(32, 'old'), Buffer.alloc(32, 'new')];

function setUp({
  seals = openSeals,
  keySet = 'smtpd',
  lifetime = lifetimeSeconds,
  seconds = beginSeconds,
  time = new VirtualTime(seconds),
} = {}) {
  const lines: string[] = [];
  const { after } = time;
  const keys = new DerivedKeys({
    lifetimeSeconds: lifetime,
    keySet,
    seals,
    clock: time.clock(),
    after,
    log: logTo(lines),
  });
  const opens = (name: string): boolean =>
    keys.named(Buffer.from(name, 'base64url'), 0) !== undefined;
  return { keys, lines, opens, time };
}

describe('derived keys', () => {
  test('are the same on all hosts of a secret, set and lifetime, and no others', () => {
    const name = nameOf(setUp().keys.current());
    assert.equal(nameOf(setUp().keys.current()), name);
    for (const other of [
      { seals: new OpenSeals([newSecret]) },
      { keySet: 'other' },
      { lifetime: 7200 },
    ]) {
      assert.notEqual(nameOf(setUp(other).keys.current()), name);
      assert.equal(setUp(other).opens(name), false);
    }
  });

  test('are those that the seals of the daemon derive', () => {
    const own = setUp({ seals: sealsOf([Buffer.from(oldSecret)]) });
    const name = nameOf(own.keys.current());
    assert.equal(nameOf(setUp({ seals: new OpenSeals([oldSecret]) }).keys.current()), name);
  });

  test('seal until the end of the period, and open until 300 s after the next', async () => {
    const { keys, opens, time } = setUp();
    const name = nameOf(keys.current());
    assert.equal(expiryOf(keys.current()), (n + 1) * periodSeconds);
    await time.pass(1200);
    assert.notEqual(nameOf(keys.current()), name);
    await time.pass(periodSeconds + 299);
    assert.ok(opens(name));
    await time.pass(1);
    assert.ok(!opens(name));
  });

  test('of the next period open, as a clock may be behind', async () => {
    const { time, opens } = setUp();
    const ahead = new VirtualTime(beginSeconds);
    const other = setUp({ time: ahead });
    await ahead.pass(periodSeconds);
    assert.ok(opens(nameOf(other.keys.current())));
    await ahead.pass(periodSeconds);
    assert.ok(!opens(nameOf(other.keys.current())));
    await time.pass(periodSeconds);
    assert.ok(opens(nameOf(other.keys.current())));
  });

  test('of the next period seal nothing in a process that has opened with one', async () => {
    const { keys, time } = setUp();
    const slots = new TwoSlots(lifetimeSeconds);
    const current = slots.take(keys.current());
    const ahead = new VirtualTime(beginSeconds + periodSeconds);
    const name = Buffer.from(setUp({ time: ahead }).keys.current().subarray(0, 16));
    slots.take(keys.named(name, 0)!);
    assert.equal(slots.sealing(time.seconds), current);
  });

  test('are sealed with the first secret, and opened with each', () => {
    const before = setUp({ seals: new OpenSeals([oldSecret]) });
    const between = setUp({ seals: new OpenSeals([oldSecret, newSecret]) });
    const after = setUp({ seals: new OpenSeals([newSecret, oldSecret]) });
    const name = nameOf(before.keys.current());
    assert.equal(nameOf(between.keys.current()), name);
    assert.notEqual(nameOf(after.keys.current()), name);
    assert.ok(after.opens(name));
    assert.ok(between.opens(nameOf(after.keys.current())));
    assert.ok(!before.opens(nameOf(after.keys.current())));
  });

  test('of the very first period are keys like others', () => {
    const { keys, opens } = setUp({ seconds: 10 });
    const key = Buffer.from(keys.current());
    assert.equal(isWeakTicketKey(key), false);
    assert.ok(opens(nameOf(key)));
    assert.equal(keys.report().period, 0);
    assert.notDeepEqual(key, setUp({ seconds: periodSeconds }).keys.current());
  });

  test('that are weak are not given out', () => {
    const seals = new OpenSeals();
    const weak: Seals = Object.create(seals, {
      secrets: { value: 1 },
      derivedKeys: { value: () => [Buffer.alloc(80)] },
    }) as Seals;
    const { keys } = setUp({ seals: weak });
    assert.throws(() => keys.current(), { code: 'GENERATOR' });
  });

  test('are overwritten when their time is over, whether anybody asks or not', async () => {
    const { keys, time } = setUp();
    const key = keys.current();
    const older = keys.keys().map(({ bytes }) => bytes);
    assert.ok(older.length >= 2);
    await time.pass(2 * periodSeconds - 300);
    assert.ok([key, ...older].every((bytes) => bytes.every((byte) => byte === 0)));
    assert.ok(keys.current().some((byte) => byte !== 0));
  });

  test('are overwritten at the end, and when tickets are turned off', () => {
    for (const end of ['wipe', 'off'] as const) {
      const { keys, time } = setUp();
      const held = keys.keys().map(({ bytes }) => bytes);
      if (end === 'wipe') {
        keys.wipe();
      } else {
        keys.changeLifetime(0);
      }
      assert.ok(held.every((bytes) => bytes.every((byte) => byte === 0)));
      assert.equal(keys.state, end === 'wipe' ? 'closed' : 'off');
      assert.equal(keys.report().state, end === 'wipe' ? 'closed' : 'off');
      assert.deepEqual(keys.describe(), []);
      assert.throws(() => keys.current(), { code: 'CLOSED' });
      assert.equal(time.waiting, 0);
      keys.changeLifetime(lifetimeSeconds);
      assert.equal(keys.state, end === 'wipe' ? 'closed' : 'serving');
    }
  });

  test('keep the period of the start, and say so', () => {
    const { keys, lines } = setUp();
    const name = nameOf(keys.current());
    keys.changeLifetime(7200);
    keys.changeLifetime(7200);
    assert.equal(nameOf(keys.current()), name);
    assert.deepEqual(lines, [
      'warning: fleet: smtpd_tls_session_cache_timeout = 7200s takes effect for shared ticket keys at the next start: until then their period is 1800s',
    ]);
  });

  test('are reported', () => {
    const { keys } = setUp();
    keys.current();
    const { state, source, periodSeconds: seconds, periodEndsInSeconds } = keys.report();
    assert.deepEqual(
      { state, source, seconds, periodEndsInSeconds },
      { state: 'sharing', source: 'derived', seconds: 1800, periodEndsInSeconds: 1200 },
    );
    assert.ok(keys.describe().every(({ origin }) => origin === 'derived'));
  });
});
