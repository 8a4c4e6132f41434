import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { fieldOf } from '../../src/fleet/keys/known-key.ts';
import type { SharedKeysState } from '../../src/fleet/report.ts';
import { expiryOf } from '../../src/tickets/ticket-key.ts';
import {
  beginSeconds,
  firstPeriod as n,
  hashOf,
  periodSeconds,
  randomKey,
  TestFleet,
  type TestHost,
} from './test-fleet.ts';
import { nameOf } from './two-slots.ts';

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

/** Asserts that the answer comes at once. */
function now<T>(answer: T | Promise<T>): T {
  assert.ok(!(answer instanceof Promise), 'the answer comes later');
  return answer;
}

const currentName = ({ keys }: TestHost): string => nameOf(now(keys.current()));

const opens = async ({ keys }: TestHost, name: string): Promise<boolean> =>
  (await keys.named(Buffer.from(name, 'base64url'), 0)) !== undefined;

/** A host in each state. */
const inState: Record<SharedKeysState, () => Promise<{ fleet: TestFleet; host: TestHost }>> = {
  async starting() {
    const fleet = new TestFleet();
    const host = fleet.host('mx1', { engine: 'hangs' });
    host.keys.start();
    await fleet.time.settle();
    return { fleet, host };
  },
  async joining() {
    const fleet = new TestFleet();
    const host = fleet.host('mx1');
    host.keys.start();
    await fleet.time.settle();
    return { fleet, host };
  },
  async sharing() {
    const { fleet, host } = await inState.joining();
    await fleet.time.pass(100);
    return { fleet, host };
  },
  async continuing() {
    const { fleet, host } = await inState.sharing();
    host.is = 'fails';
    await fleet.time.pass(3 * periodSeconds);
    return { fleet, host };
  },
  async alone() {
    const fleet = new TestFleet();
    const host = fleet.host('mx1', { engine: 'fails' });
    host.keys.start();
    await fleet.time.settle();
    return { fleet, host };
  },
  async off() {
    const { fleet, host } = await inState.sharing();
    host.keys.changeLifetime(0);
    return { fleet, host };
  },
  async closed() {
    const { fleet, host } = await inState.sharing();
    host.keys.wipe();
    return { fleet, host };
  },
};

describe('shared keys in each state', () => {
  for (const state of Object.keys(inState) as SharedKeysState[]) {
    test(`${state}: each call`, async () => {
      const { fleet, host } = await inState[state]();
      const { keys } = host;
      const gives = state !== 'off' && state !== 'closed';
      assert.equal(keys.fleetState, state);
      assert.equal(keys.report().state, state);
      assert.equal(keys.state, gives ? 'serving' : state);
      const unknown = Buffer.alloc(16, 'u');
      if (gives) {
        const asked = Promise.all([keys.current(), keys.keys(), keys.named(unknown, 0)]);
        await fleet.time.pass(0.05);
        const [current, ring, named] = await asked;
        assert.ok(!isZero(current));
        assert.equal(current.length, 88);
        assert.equal(nameOf(ring[0]!.bytes), nameOf(current));
        assert.equal(named, undefined);
        const described = keys.describe()[0]!;
        assert.equal(described.confirmed, state === 'sharing' || state === 'continuing');
        assert.equal(described.origin, state === 'continuing' ? 'continued' : 'random');
        assert.equal(described.madeBy, 'mx1');
      } else {
        assert.throws(() => keys.current(), { code: 'CLOSED' });
        assert.throws(() => keys.keys(), { code: 'CLOSED' });
        assert.equal(now(keys.named(unknown, 0)), undefined);
        assert.deepEqual(keys.describe(), []);
        assert.equal(keys.report().known, 0);
      }
      keys.changeLifetime(3600);
      assert.equal(keys.state, state === 'closed' ? 'closed' : 'serving');
      keys.wipe();
      assert.equal(keys.fleetState, 'closed');
      assert.equal(fleet.time.waiting, 0, 'no timer is left');
    });
  }

  test('what is logged when it changes', async () => {
    const fleet = new TestFleet();
    const host = fleet.host('mx1', { engine: 'fails' });
    host.keys.start();
    await fleet.time.pass(10);
    host.is = 'answers';
    await fleet.time.pass(200);
    host.is = 'fails';
    await fleet.time.pass(3 * periodSeconds);
    host.is = 'answers';
    await fleet.time.pass(4 * periodSeconds);
    assert.deepEqual(host.lines, [
      'warning: fleet: ticket keys: alone, as the engine could not be read since the start',
      'fleet: ticket keys: joining, as not all hosts have a key of this period yet',
      'fleet: ticket keys: sharing',
      'fleet: ticket keys: continuing older ones, as there is no new one of this period',
      'fleet: ticket keys: sharing',
    ]);
  });
});

describe('the exchange', () => {
  const differences = (times: readonly number[]): number[] =>
    times.slice(1).map((at, index) => Math.round(at - times[index]!));

  test('asks for everything at once, and puts three keys at the start', async () => {
    const { fleet, host } = await inState.joining();
    assert.deepEqual(host.engine.calls, { time: 1, read: 5, put: 3, expire: 3 });
    for (const period of [n, n + 1, n + 2]) {
      assert.equal(fleet.store.hashes.get(hashOf(period))?.size, 1);
      assert.equal(
        fleet.store.expiresAtMs.get(hashOf(period)),
        ((period + 2) * periodSeconds + 600) * 1000,
      );
    }
    await fleet.time.pass(5);
    assert.deepEqual(host.engine.calls, { time: 2, read: 10, put: 3, expire: 3 });
  });

  test('is each 5 s until a key is confirmed, which takes 95 s, then each 30 s', async () => {
    const { fleet, host } = await inState.joining();
    await fleet.time.pass(94.9);
    assert.equal(host.keys.fleetState, 'joining');
    await fleet.time.pass(0.2);
    assert.equal(host.keys.fleetState, 'sharing');
    await fleet.time.pass(100);
    const pauses = differences(host.exchangesAt);
    assert.deepEqual(new Set(pauses.slice(0, 19)), new Set([5]));
    assert.deepEqual(pauses.slice(19), [30, 30, 30]);
  });

  test('shares at once in a fleet whose keys are old', async () => {
    const { fleet } = await inState.sharing();
    await fleet.time.pass(300);
    const other = fleet.host('mx2');
    other.keys.start();
    await fleet.time.settle();
    assert.equal(other.keys.fleetState, 'sharing');
    assert.equal(other.keys.report().counts.made, 0);
  });

  test('after failures comes again in 1 to 30 s, always', async () => {
    const { fleet, host } = await inState.sharing();
    host.is = 'fails';
    host.exchangesAt.length = 0;
    await fleet.time.pass(200);
    assert.deepEqual(differences(host.exchangesAt), [1, 2, 4, 8, 16, 30, 30, 30, 30]);
    host.is = 'answers';
    await fleet.time.pass(30);
    host.exchangesAt.length = 0;
    await fleet.time.pass(100);
    assert.deepEqual(new Set(differences(host.exchangesAt)), new Set([30]));
    assert.equal(host.keys.report().counts.failedExchanges, 10);
  });

  test('that fails before there is a first connection is not counted', async () => {
    const fleet = new TestFleet();
    const host = fleet.host('mx1', { engine: 'fails' });
    host.engine.change({ connection: 'opening' });
    host.keys.start();
    await fleet.time.settle();
    assert.equal(host.keys.report().counts.failedExchanges, 0);
    host.engine.change({ connection: 'away' });
    await fleet.time.pass(2);
    assert.notEqual(host.keys.report().counts.failedExchanges, 0);
  });

  test('begins when the engine can be reached again', async () => {
    const { fleet, host } = await inState.sharing();
    host.engine.change({ connection: 'away' });
    await fleet.time.pass(60);
    host.exchangesAt.length = 0;
    host.engine.change({ connection: 'up' });
    await fleet.time.settle();
    assert.deepEqual(host.exchangesAt, [fleet.time.seconds]);
    assert.equal(host.keys.report().exchangedBeforeSeconds, 0);
  });

  test('that hangs is followed by another once it fails, though the engine came back meanwhile', async () => {
    const { fleet, host } = await inState.sharing();
    host.is = 'hangs';
    await fleet.time.pass(31);
    host.engine.change({ connection: 'away' });
    host.engine.change({ connection: 'up' });
    host.exchangesAt.length = 0;
    host.release();
    await fleet.time.pass(0.1);
    assert.equal(host.exchangesAt.length, 1);
  });

  test('with a host in each period shares one random key a period', async () => {
    const { fleet, host } = await inState.sharing();
    const others = ['mx2', 'mx3'].map((name) => fleet.host(name));
    others.forEach(({ keys }) => keys.start());
    await fleet.time.settle();
    for (let period = n; period < n + 6; period += 1) {
      const names = [host, ...others].map(currentName);
      await fleet.time.pass(periodSeconds / 2);
      assert.equal(new Set(names).size, 1);
      assert.equal(host.keys.fleetState, 'sharing');
      await fleet.time.pass(periodSeconds / 2);
    }
    const made = [host, ...others].map(({ keys }) => keys.report().counts.made);
    assert.equal(
      made.reduce((sum, one) => sum + one),
      3 + 6,
    );
  });

  test('puts back what the engine has lost, and says so', async () => {
    const { fleet, host } = await inState.sharing();
    const before = new Set(fleet.store.values.map(([place]) => place));
    fleet.store.clear();
    host.lines.length = 0;
    await fleet.time.pass(36);
    assert.deepEqual(new Set(fleet.store.values.map(([place]) => place)), before);
    assert.deepEqual(host.lines, ['fleet: 3 ticket keys put back']);
    assert.equal(host.keys.report().counts.putBack, 3);
  });

  test('keeps each key that has sealed in the engine while it opens', async () => {
    const { fleet, host } = await inState.continuing();
    const name = currentName(host);
    host.is = 'answers';
    for (const lost of [false, true]) {
      if (lost) {
        fleet.store.clear();
      }
      await fleet.time.pass(40);
      const { period } = host.keys.rules!.named(name)!;
      assert.ok(fleet.store.hashes.get(hashOf(period))?.has(name));
    }
    await fleet.time.pass(periodSeconds);
    fleet.store.clear();
    await fleet.time.pass(40);
    assert.ok(fleet.store.values.some(([place]) => place.endsWith(` ${name}`)));
  });

  test('puts the keys of a host that was alone, and another host opens with them', async () => {
    const { fleet, host } = await inState.alone();
    const name = currentName(host);
    const other = fleet.host('mx2');
    other.keys.start();
    await fleet.time.settle();
    assert.equal(await opens(other, name), false);
    host.is = 'answers';
    await fleet.time.pass(10);
    assert.equal(await opens(other, name), true);
  });
});

describe('values of the engine', () => {
  const notOpened = (count: number): string =>
    `warning: fleet: value not opened (other secret, or damaged): ${count}`;

  test('that are damaged, weak or in another place are not taken, and are told once', async () => {
    const { fleet, host } = await inState.sharing();
    const { known } = host.keys.report();
    const [, value] = fleet.store.values.find(([place]) => place.startsWith(`${hashOf(n)} `))!;
    const [[field]] = [...fleet.store.hashes.get(hashOf(n))!] as [[string, Buffer]];
    host.lines.length = 0;
    // Of another period, of another name, cut off, of a name that is none, and a weak key.
    fleet.putSealed(n - 1, field, value);
    fleet.putSealed(n, randomKey().toString('base64url', 0, 16), value);
    fleet.putSealed(n + 1, field, value.subarray(0, 50));
    fleet.putSealed(n, 'no name', Buffer.from('no value'));
    fleet.put(n + 1, Buffer.alloc(88, 'w'));
    await fleet.time.pass(35);
    assert.deepEqual(host.lines, [notOpened(5)]);
    await fleet.time.pass(200);
    assert.deepEqual(host.lines, [notOpened(5)]);
    assert.equal(host.keys.report().known, known);
    assert.equal(host.keys.report().counts.notOpened, 5);
  });

  test('are told at most once a minute', async () => {
    const { fleet, host } = await inState.sharing();
    host.lines.length = 0;
    for (let count = 0; count < 4; count += 1) {
      fleet.putSealed(n, `no name ${count}`, Buffer.from('no value'));
      await fleet.time.pass(30);
    }
    assert.deepEqual(host.lines, [notOpened(1), notOpened(2)]);
  });

  test('whose time is over by a clock that is ahead are not told as damaged', async () => {
    const { fleet } = await inState.sharing();
    const ahead = fleet.host('mx2', { ahead: 4 * periodSeconds });
    ahead.keys.start();
    await fleet.time.pass(35);
    assert.equal(ahead.keys.report().counts.notOpened, 0);
    assert.ok(!ahead.lines.includes(notOpened(1)), ahead.lines.join('\n'));
  });

  test('that only look like ours are decrypted 64 times in an exchange, and no more', async () => {
    const seals = sealsOf([Buffer.alloc(32, 's')]);
    const fleet = new TestFleet();
    for (let count = 0; count < 1000; count += 1) {
      const key = randomKey();
      const place = { set: 'smtpd', periodSeconds, period: n + (count % 3), name: key };
      const sealed = seals.sealKey(place, (n + 2) * periodSeconds * 1000, key);
      fleet.putSealed(place.period, key.toString('base64url', 0, 16), sealed);
    }
    const host = fleet.host('mx1', { seals });
    host.keys.start();
    await fleet.time.settle();
    assert.equal(seals.forged, 64);
    assert.equal(host.keys.fleetState, 'joining', 'it makes keys of its own');
  });

  test('of another set are another matter', async () => {
    const { fleet, host } = await inState.sharing();
    const other = fleet.host('mx2', { keySet: 'submission' });
    other.keys.start();
    await fleet.time.pass(100);
    assert.equal(await opens(other, currentName(host)), false);
    const values = [...fleet.store.hashes.get(hashOf(n))!];
    for (const [field, value] of values) {
      fleet.store.putOnce(hashOf(n, 'submission'), field, value, 0);
    }
    await fleet.time.pass(35);
    assert.equal(await opens(other, currentName(host)), false);
    assert.deepEqual(other.lines.slice(-1), [notOpened(1)]);
  });

  test('that are too many: each host takes the same 120, those that were put first', async () => {
    const fleet = new TestFleet();
    const names: string[] = [];
    for (let count = 0; count < 130; count += 1) {
      const key = randomKey();
      fleet.put(n, key, { putAt: beginSeconds - 1000 + ((count * 7) % 130) });
      names[(count * 7) % 130] = nameOf(key);
    }
    for (const name of ['mx1', 'mx2']) {
      const host = fleet.host(name);
      host.keys.start();
      await fleet.time.settle();
      const opened: boolean[] = [];
      for (const one of names) {
        opened.push(await opens(host, one));
      }
      assert.deepEqual(
        opened,
        names.map((_, place) => place < 120),
      );
    }
  });
});

describe('a request that waits', () => {
  test('for the first read gets a key that is its own', async () => {
    const { fleet, host } = await inState.starting();
    const asked = host.keys.current() as Promise<Buffer>;
    await fleet.time.pass(0.02);
    host.release();
    const key = await asked;
    assert.equal(host.keys.fleetState, 'joining');
    assert.equal(nameOf(key), currentName(host));
    key.fill(0);
    assert.ok(!isZero(now(host.keys.current())));
    assert.ok(host.keys.describe().length > 0);
  });

  test('for the first read waits for the read limit at most', async () => {
    const { fleet, host } = await inState.starting();
    let answers = 0;
    const wait = async (answer: unknown): Promise<void> => {
      await answer;
      answers += 1;
    };
    const asked = [
      wait(host.keys.current()),
      wait(host.keys.keys()),
      wait(host.keys.named(Buffer.alloc(16), 0)),
    ];
    await fleet.time.pass(0.049);
    assert.equal(answers, 0);
    await fleet.time.pass(0.002);
    await Promise.all(asked);
    assert.equal(answers, 3);
    assert.equal(host.keys.fleetState, 'alone');
    now(host.keys.current());
  });

  test('does so while the first connection is made, whose failure to read says nothing', async () => {
    const fleet = new TestFleet();
    const host = fleet.host('mx1');
    host.engine.connection = 'opening';
    host.keys.start();
    await fleet.time.settle();
    assert.equal(host.keys.fleetState, 'starting');
    const asked = host.keys.current() as Promise<Buffer>;
    await fleet.time.pass(0.01);
    host.engine.change({ connection: 'up' });
    await fleet.time.settle();
    assert.equal(nameOf(await asked), currentName(host));
    assert.equal(host.keys.fleetState, 'joining');
  });

  test('is answered with an error when tickets are turned off meanwhile', async () => {
    for (const end of ['off', 'closed'] as const) {
      const { host } = await inState.starting();
      const asked = [
        assert.rejects(host.keys.current() as Promise<Buffer>, { code: 'CLOSED' }),
        assert.rejects(host.keys.keys() as Promise<unknown>, { code: 'CLOSED' }),
      ];
      const named = host.keys.named(Buffer.alloc(16), 0);
      if (end === 'off') {
        host.keys.changeLifetime(0);
      } else {
        host.keys.wipe();
      }
      await Promise.all(asked);
      assert.equal(await named, undefined);
    }
  });
});

describe('a name that is not known', () => {
  test('is read from the engine once, and the key does not seal', async () => {
    const { fleet, host } = await inState.sharing();
    const key = randomKey();
    fleet.put(n, key);
    const name = Buffer.from(key.subarray(0, 16));
    const asked = host.keys.named(name, 0);
    name.fill(0);
    const found = (await asked)!;
    assert.equal(nameOf(found), nameOf(key));
    assert.equal(expiryOf(found), fleet.time.seconds);
    found.fill(0);
    assert.ok(!isZero(now(host.keys.named(key, 0))!), 'the answer was a copy');
  });

  test('is read for five times a second', async () => {
    const { fleet, host } = await inState.sharing();
    const before = host.engine.calls.time;
    for (let count = 0; count < 5; count += 1) {
      assert.equal(await (host.keys.named(randomKey(), 0) as Promise<undefined>), undefined);
    }
    assert.equal(now(host.keys.named(randomKey(), 0)), undefined);
    assert.equal(host.engine.calls.time, before + 5);
    await fleet.time.pass(1);
    assert.equal(await (host.keys.named(randomKey(), 0) as Promise<undefined>), undefined);
    assert.equal(host.engine.calls.time, before + 6);
  });

  test('waits for the read limit at most, and joins a read that is under way', async () => {
    const { fleet, host } = await inState.sharing();
    host.is = 'hangs';
    const before = host.engine.calls.time;
    const asked = Promise.all([0, 1, 2].map(async () => host.keys.named(randomKey(), 0)));
    await fleet.time.pass(0.05);
    assert.deepEqual(await asked, [undefined, undefined, undefined]);
    assert.equal(host.engine.calls.time, before + 1);
    host.release();
  });

  test('is not read for while the engine is away or slow', async () => {
    const { host } = await inState.sharing();
    host.engine.change({ reads: 'paused' });
    assert.equal(now(host.keys.named(randomKey(), 0)), undefined);
    host.engine.change({ reads: 'open', connection: 'away' });
    assert.equal(now(host.keys.named(randomKey(), 0)), undefined);
  });
});

describe('another lifetime', () => {
  test('keeps the period of the start, and says so once', async () => {
    const { fleet, host } = await inState.sharing();
    const name = currentName(host);
    host.lines.length = 0;
    host.keys.changeLifetime(7200);
    host.keys.changeLifetime(7200);
    assert.equal(currentName(host), name);
    assert.equal(host.keys.report().periodSeconds, periodSeconds);
    assert.deepEqual(host.lines, [
      'warning: fleet: smtpd_tls_session_cache_timeout = 7200s takes effect for shared ticket keys at the next start: until then their period is 1800s',
    ]);
    await fleet.time.pass(periodSeconds);
    assert.equal(host.keys.fleetState, 'sharing');
  });

  test('of 0 overwrites all keys and ends the exchange; then another begins anew', async () => {
    const { fleet, host } = await inState.sharing();
    const held = host.keys.rules!.opening().map(({ bytes }) => bytes);
    const name = currentName(host);
    host.keys.changeLifetime(0);
    assert.ok(held.length >= 4 && held.every(isZero));
    assert.equal(fleet.time.waiting, 0);
    await fleet.time.pass(1000);
    host.keys.changeLifetime(3600);
    await fleet.time.settle();
    assert.equal(currentName(host), name, 'the engine still has it');
    assert.equal(host.keys.report().counts.made, 3);
  });

  test('of 0 at the start has no period; the first other one gives it', async () => {
    const fleet = new TestFleet();
    const host = fleet.host('mx1', { lifetimeSeconds: 0 });
    host.keys.start();
    assert.equal(host.keys.fleetState, 'off');
    assert.equal(host.keys.report().periodSeconds, 0);
    host.keys.changeLifetime(7200);
    await fleet.time.settle();
    assert.equal(host.keys.fleetState, 'joining');
    assert.equal(host.keys.report().periodSeconds, 3600);
    assert.deepEqual(host.lines.slice(0, -1), []);
  });
});

describe('nothing is left', () => {
  test('of a key whose time is over, though nobody asks and the engine is away', async () => {
    const { fleet, host } = await inState.sharing();
    const held = host.keys.rules!.opening().filter(({ period }) => period === n);
    assert.ok(held.length > 0);
    host.is = 'fails';
    await fleet.time.pass((n + 2) * periodSeconds + 301 - fleet.time.seconds);
    assert.ok(held.every(({ bytes }) => isZero(bytes)));
  });

  test('when the process ends, of late exchanges as well', async () => {
    const { fleet, host } = await inState.sharing();
    host.is = 'hangs';
    await fleet.time.pass(31);
    const held = host.keys.rules!.opening().map(({ bytes }) => bytes);
    const { rules } = host.keys;
    host.keys.wipe();
    assert.ok(held.every(isZero));
    host.release();
    await fleet.time.settle();
    assert.deepEqual(rules!.opening(), []);
    assert.equal(fleet.time.waiting, 0);
  });

  test('of what is opened and sealed for the exchange', async () => {
    const fleet = new TestFleet();
    const seen: Buffer[] = [];
    const { seals } = fleet;
    const watching = Object.create(seals) as typeof seals;
    Object.defineProperties(watching, {
      openKey: {
        value: (...args: Parameters<typeof seals.openKey>) => {
          const opened = seals.openKey(...args);
          if (opened !== undefined) {
            seen.push(opened.bytes);
          }
          return opened;
        },
      },
      sealKey: {
        value: (...args: Parameters<typeof seals.sealKey>) => {
          seen.push(args[2]);
          return seals.sealKey(...args);
        },
      },
    });
    const host = fleet.host('mx1', { seals: watching });
    host.keys.start();
    await fleet.time.pass(100);
    assert.ok(seen.length > 50);
    assert.ok(seen.every(isZero));
  });
});

describe('derived keys as the last resort', () => {
  test('seal until a shared key is confirmed, and are the same on all hosts', async () => {
    const fleet = new TestFleet();
    const hosts = ['mx1', 'mx2'].map((name) =>
      fleet.host(name, { derivedFallback: true, engine: 'fails' }),
    );
    hosts.forEach(({ keys }) => keys.start());
    await fleet.time.settle();
    const [name, other] = hosts.map(currentName);
    assert.equal(name, other);
    assert.equal(hosts[0]!.keys.report().source, 'shared, derived');
    assert.equal(hosts[0]!.keys.describe()[0]!.origin, 'derived');
    hosts.forEach((host) => {
      host.is = 'answers';
    });
    await fleet.time.pass(150);
    assert.notEqual(currentName(hosts[0]!), name);
    assert.deepEqual(await Promise.all(hosts.map((host) => opens(host, name!))), [true, true]);
    assert.equal(hosts[0]!.keys.fleetState, 'sharing');
  });

  test('put nothing into the engine and are overwritten with the others', async () => {
    const fleet = new TestFleet();
    const host = fleet.host('mx1', { derivedFallback: true });
    host.keys.start();
    await fleet.time.settle();
    const key = now(host.keys.current());
    assert.ok(!fleet.store.values.some(([place]) => place.endsWith(fieldOf(key))));
    host.keys.wipe();
    assert.ok(isZero(key));
  });
});

describe('the clock of the engine', () => {
  test('is compared with the own one', async () => {
    const fleet = new TestFleet();
    const host = fleet.host('mx1', { ahead: 74 });
    assert.equal(host.keys.clockDifferenceMs, null);
    host.keys.start();
    await fleet.time.settle();
    assert.equal(host.keys.clockDifferenceMs, 74_000);
  });
});
