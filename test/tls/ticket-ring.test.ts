import assert from 'node:assert/strict';
import { afterEach, describe, type TestContext, test } from 'node:test';
import { TicketRing } from '../../src/tls/ticket-ring.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

const rings: TicketRing[] = [];
afterEach(() => rings.splice(0).forEach((ring) => ring.close()));

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

async function setUp(t: TestContext, is: TlsmgrDouble['is'] = 'ours') {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = testClock();
  const tlsmgr = new TlsmgrDouble(clock);
  tlsmgr.is = is;
  let changes = 0;
  const changed = (): void => void (changes += 1);
  const ring = new TicketRing({ client: tlsmgr, scope: 'web', clock, changed });
  rings.push(ring);
  await settled();
  const pass = async (seconds: number): Promise<void> => {
    clock.seconds += seconds;
    t.mock.timers.tick(seconds * 1000);
    await settled();
  };
  return { clock, tlsmgr, ring, pass, changes: () => changes };
}

describe('a ring of keys', () => {
  test('unknown names bring about one question a second', async (t) => {
    const { tlsmgr, ring, pass } = await setUp(t);
    assert.equal(tlsmgr.asked, 1);
    const unknown = Buffer.alloc(16, 9);
    for (let count = 0; count < 1000; count += 1) {
      ring.missed(unknown);
    }
    await settled();
    assert.equal(tlsmgr.asked, 1);
    await pass(1);
    for (let count = 0; count < 1000; count += 1) {
      ring.missed(unknown);
    }
    await settled();
    assert.equal(tlsmgr.asked, 2);
  });

  test('a tlsmgr that is silent is given up after 5 s, and asked again', async (t) => {
    const { tlsmgr, ring, pass } = await setUp(t, 'silent');
    assert.deepEqual([tlsmgr.asked, ring.counts.failed], [1, 0]);
    await pass(5);
    assert.equal(ring.counts.failed, 1);
    tlsmgr.is = 'ours';
    await pass(1);
    assert.equal(ring.state, 'sealing');
  });

  test('is asked for when the key ends, and tells when another key seals', async (t) => {
    const { tlsmgr, ring, pass, changes } = await setUp(t);
    assert.deepEqual([ring.state, changes()], ['sealing', 1]);
    const first = ring.sealing();
    await pass(1798);
    assert.equal(tlsmgr.asked, 1);
    await pass(2);
    assert.equal(tlsmgr.asked, 2);
    assert.equal(ring.sealing(), first);
    await pass(2);
    assert.notEqual(ring.sealing(), first);
    assert.equal(changes(), 2);
  });

  test('the clock is set forward: nothing seals, so that it asks at once', async (t) => {
    const { clock, tlsmgr, ring, pass } = await setUp(t);
    clock.monotonicMs = () => 0;
    clock.seconds += 86_400;
    assert.equal(ring.sealing(), undefined);
    assert.equal(ring.state, 'expired');
    await pass(0);
    assert.equal(tlsmgr.asked, 2);
    assert.ok(ring.sealing() !== undefined);
    assert.equal(ring.state, 'sealing');
  });

  for (const step of [-3600, -365 * 86_400]) {
    test(`the clock is set by ${step} s: some key seals at all times`, async (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const clock = testClock();
      let elapsed = 0;
      clock.monotonicMs = () => elapsed * 1000;
      const tlsmgr = new TlsmgrDouble(clock);
      const ring = new TicketRing({ client: tlsmgr, scope: 'web', clock, changed: () => {} });
      rings.push(ring);
      await settled();
      const names = new Set<string>();
      clock.seconds += step;
      for (let minute = 0; minute < 100; minute += 1) {
        for (const seconds of [3, 57]) {
          elapsed += seconds;
          clock.seconds += seconds;
          t.mock.timers.tick(seconds * 1000);
          await settled();
        }
        names.add(ring.sealing()?.name.toString('hex') ?? 'none');
      }
      assert.ok(!names.has('none'));
      assert.equal(names.size, 4);
      assert.ok(tlsmgr.asked < 10);
    });
  }

  test('a client that gives the same memory twice: the key goes on sealing as it was', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = testClock();
    const tlsmgr = new TlsmgrDouble(clock);
    const given = (await tlsmgr.ticketRing('web'))!;
    const aes = Buffer.from(given[0]!.aes);
    tlsmgr.ticketRing = () => Promise.resolve(given);
    const ring = new TicketRing({ client: tlsmgr, scope: 'web', clock, changed: () => {} });
    rings.push(ring);
    await settled();
    clock.seconds += 2;
    ring.missed(Buffer.alloc(16, 9));
    await settled();
    assert.equal(ring.counts.fetched, 2);
    assert.deepEqual(ring.sealing()?.aes, aes);
  });

  test('keys of no form that come too late are no unhandled rejection', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = testClock();
    const tlsmgr = new TlsmgrDouble(clock);
    let answer: (found: never) => void = () => {};
    tlsmgr.ticketRing = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    const ring = new TicketRing({ client: tlsmgr, scope: 'web', clock, changed: () => {} });
    rings.push(ring);
    t.mock.timers.tick(5000);
    await settled();
    answer([null, 5, undefined] as never);
    await settled();
    process.off('unhandledRejection', note);
    assert.equal(ring.counts.failed, 1);
    assert.deepEqual(unhandled, []);
  });

  test('asks no more, and holds nothing, once it is closed', async (t) => {
    const { tlsmgr, ring, pass } = await setUp(t, 'silent');
    ring.close();
    tlsmgr.is = 'ours';
    await pass(4000);
    assert.deepEqual([ring.state, ring.keyCount, tlsmgr.asked], ['closed', 0, 1]);
    ring.missed(Buffer.alloc(16));
    await settled();
    assert.equal(tlsmgr.asked, 1);
  });

  test('keys that come when it is closed already are overwritten', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = testClock();
    const tlsmgr = new TlsmgrDouble(clock);
    const keys = (await tlsmgr.ticketRing('web'))!;
    let answer: (found: typeof keys) => void = () => {};
    tlsmgr.ticketRing = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const ring = new TicketRing({ client: tlsmgr, scope: 'web', clock, changed: () => {} });
    ring.close();
    answer(keys);
    await settled();
    assert.ok(keys.every(({ aes, hmac }) => [...aes, ...hmac].every((byte) => byte === 0)));
    assert.equal(ring.keyCount, 0);
  });
});
