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
