/** The near map and the write queue keep their bounds, and leave no session behind. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { EngineError } from '../../../src/fleet/engine/engine.ts';
import type { FleetCacheReport } from '../../../src/fleet/report.ts';
import { FoundSession } from '../../../src/fleet/sessions/found-session.ts';
import { FreshTable } from '../../../src/fleet/sessions/fresh-table.ts';
import { NearMap } from '../../../src/fleet/sessions/near-map.ts';
import { newFleetCounts } from '../../../src/fleet/sessions/sharing.ts';
import { type Place, WriteQueue } from '../../../src/fleet/sessions/write-queue.ts';
import { span, TestClock } from '../../contracts/session-cache.ts';
import { TestTimers } from './fleet-host.ts';
import { MapEngine, MapServer, turn } from './map-engine.ts';
import { openSeals } from './open-seals.ts';

const lifetimeSeconds = 120;

function isWiped(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0);
}

/** The very memory of a session that is lent. */
function bytesOf(found: FoundSession | 'removed' | undefined): Buffer {
  const { buffer, start, end } = found as FoundSession;
  return buffer.subarray(start, end);
}

function session(bytes: number): Buffer {
  return Buffer.alloc(bytes, 's');
}

function nearMap(limitBytes: number) {
  const clock = new TestClock();
  const timers = new TestTimers();
  const near = new NearMap({ limitBytes, clock, schedule: timers.schedule });
  const counts = newFleetCounts();
  const put = (
    key: string,
    bytes: Buffer,
    { leftSeconds = lifetimeSeconds, owner = counts } = {},
  ): boolean => {
    const leftMs = leftSeconds * 1000;
    const expiresAtMs = clock.nowSeconds() * 1000 + leftMs;
    return near.put(
      key,
      new FoundSession({ buffer: bytes, start: 0, end: bytes.length }, 0),
      { expiresAtMs, leftMs },
      owner,
    );
  };
  return { clock, timers, near, counts, put };
}

describe('the near map', () => {
  test('overwrites the oldest when it is full, and counts what it holds', () => {
    const { near, counts, put } = nearMap(10_000);
    const all = Array.from({ length: 20 }, () => session(1000));
    for (const [number, bytes] of all.entries()) {
      assert.equal(put(`id ${number}`, bytes), true);
      assert.ok(counts.nearBytes <= 10_000);
    }
    const held = all.map((_, number) => near.get(`id ${number}`) !== undefined);
    assert.deepEqual(held, [...Array(13).fill(false), ...Array(7).fill(true)]);
    assert.deepEqual(
      all.map((bytes) => !isWiped(bytes)),
      held,
    );
    assert.equal(counts.nearEntries, 7);
    assert.equal(near.size, 7);
  });

  test('does not take what is larger than itself', () => {
    const { near, counts, put } = nearMap(1000);
    const bytes = session(1000);
    assert.equal(put('id', bytes), false);
    assert.equal(isWiped(bytes), false, 'it belongs to the caller');
    assert.deepEqual([near.size, counts.nearBytes], [0, 0]);
  });

  test('overwrites what is replaced, deleted, or of a cache that is cleared', () => {
    const { near, counts, put } = nearMap(100_000);
    const other = newFleetCounts();
    const [replaced, deleted, cleared, kept] = [1, 2, 3, 4].map(() => session(100)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    put('a', replaced);
    put('a', session(100));
    put('b', deleted);
    assert.equal(near.delete('b'), true);
    assert.equal(near.delete('b'), false);
    put('c', cleared);
    put('d', kept, { owner: other });
    near.clear(counts);
    assert.deepEqual([replaced, deleted, cleared, kept].map(isWiped), [true, true, true, false]);
    assert.deepEqual([counts.nearEntries, counts.nearBytes, other.nearEntries], [0, 0, 1]);
  });

  test('overwrites what has expired, though nobody asks for it', () => {
    const { clock, timers, near, put } = nearMap(100_000);
    const [early, late] = [session(100), session(100)];
    put('late', late);
    put('early', early, { leftSeconds: 10 });
    clock.pass(30);
    timers.run();
    assert.deepEqual([isWiped(early), isWiped(late)], [true, false]);
    assert.equal(timers.waiting.size, 1, 'it looks again');
    clock.pass(100);
    timers.run();
    assert.deepEqual([isWiped(late), near.size, timers.waiting.size], [true, 0, 0]);
    put('another', session(100), { leftSeconds: 10 });
    assert.equal(timers.waiting.size, 1);
    clock.pass(20);
    assert.equal(near.delete('another'), false, 'expired is not there');
  });
});

function writeQueue(limitBytes: number) {
  const clock = new TestClock();
  const timers = new TestTimers();
  const server = new MapServer(clock);
  const engine = new MapEngine(server);
  const fresh = new FreshTable(clock);
  const queue = new WriteQueue({
    limitBytes,
    engine,
    seals: openSeals(),
    clock,
    fresh,
    schedule: timers.schedule,
    failed: () => undefined,
  });
  const counts = newFleetCounts();
  const placeOf = (key: string, owner: FleetCacheReport = counts): Place => {
    return { key, label: 'smtp', hash: fresh.hashOf('smtp', span(key)), owner };
  };
  const put = (key: string, bytes: Buffer | undefined, owner = counts): void => {
    queue.put(placeOf(key, owner), span(key), bytes && span(bytes), lifetimeSeconds);
  };
  return { clock, timers, server, engine, queue, counts, put };
}

describe('the write queue', () => {
  test('drops the oldest when it is full, and overwrites them', () => {
    const { engine, queue, counts, put } = writeQueue(20_000);
    engine.become({ connection: 'away' });
    const lent: Buffer[] = [];
    for (let number = 0; number < 20; number += 1) {
      put(`id ${number}`, session(1000));
      lent.push(bytesOf(queue.get(`id ${number}`)));
      assert.ok(counts.queueBytes <= 20_000);
    }
    const held = lent.map((_, number) => queue.get(`id ${number}`) !== undefined);
    assert.deepEqual(
      lent.map((bytes) => !isWiped(bytes)),
      held,
    );
    assert.deepEqual(held, [...Array(7).fill(false), ...Array(13).fill(true)]);
    assert.deepEqual([counts.queueEntries, counts.dropped], [13, 7]);
  });

  test('drops what is larger than itself, and what that would replace', () => {
    const { engine, queue, counts, put } = writeQueue(2000);
    engine.become({ writes: 'paused' });
    put('id', session(100));
    put('id', session(2000));
    assert.equal(queue.get('id'), undefined);
    assert.deepEqual([counts.queueEntries, counts.queueBytes, counts.dropped], [0, 0, 1]);
  });

  test('sends a removal that is larger than itself at once, or counts it as lost', async () => {
    const { engine, counts, put } = writeQueue(0);
    put('gone', undefined);
    while (engine.done.length < 1) {
      await turn();
    }
    assert.deepEqual([engine.done, counts.dropped, counts.queueEntries], [['unlink'], 0, 0]);
    engine.become({ connection: 'away' });
    put('lost', undefined);
    assert.deepEqual([counts.dropped, counts.queueEntries], [1, 0]);
  });

  test('counts removals that are lost: to later ones, and by a failure', async () => {
    const { engine, counts, put } = writeQueue(2000);
    engine.become({ connection: 'away' });
    for (let number = 0; number < 5; number += 1) {
      put(`id ${number}`, undefined);
    }
    assert.deepEqual([counts.queueEntries, counts.dropped], [3, 2]);
    engine.travel = () => Promise.reject(new EngineError('late'));
    engine.become({ connection: 'up' });
    put('id 5', undefined);
    while (counts.queueEntries > 0 || engine.underWay > 0) {
      await turn();
    }
    assert.equal(counts.dropped, 6);
  });

  test('loses no removal whose session has expired in the engine as well', () => {
    const { clock, timers, engine, counts, put } = writeQueue(100_000);
    engine.become({ connection: 'away' });
    put('id', undefined);
    clock.pass(lifetimeSeconds);
    timers.run();
    assert.deepEqual([counts.queueEntries, counts.dropped], [0, 0]);
  });

  test('holds 16,384 entries at most', () => {
    const { engine, counts, put } = writeQueue(2 ** 30);
    engine.become({ writes: 'paused' });
    for (let number = 0; number < 17_000; number += 1) {
      put(`${number}`, Buffer.from('s'));
    }
    assert.deepEqual([counts.queueEntries, counts.dropped], [16_384, 17_000 - 16_384]);
  });

  test('has 32 commands under way at most, and fewer of large sessions', async () => {
    for (const [bytes, most] of [
      [100, 32],
      [100_000, 3],
      [500_000, 1],
    ] as const) {
      const { engine, counts, put } = writeQueue(100_000_000);
      for (let number = 0; number < 100; number += 1) {
        put(`${number}`, session(bytes));
      }
      while (counts.written < 100) {
        await turn();
      }
      assert.equal(engine.mostUnderWay, most, `${bytes} bytes`);
    }
  });

  test('overwrites a session when it is sent, replaced or cleared', async () => {
    const { engine, queue, counts, put } = writeQueue(100_000);
    engine.become({ writes: 'paused' });
    const lent = ['sent', 'replaced', 'removed'].map((key) => {
      put(key, session(100));
      return bytesOf(queue.get(key));
    });
    const other = newFleetCounts();
    put('cleared', session(100), other);
    lent.push(bytesOf(queue.get('cleared')));
    put('replaced', session(100));
    put('removed', undefined);
    assert.equal(queue.get('removed'), 'removed');
    queue.clear(other);
    engine.become({ writes: 'open' });
    queue.resume();
    while (engine.done.length < 3) {
      await turn();
    }
    assert.deepEqual(lent.map(isWiped), [true, true, true, true]);
    assert.deepEqual([counts.queueEntries, other.queueEntries, counts.written], [0, 0, 2]);
  });

  test('rests for a second after a failure', async () => {
    const { timers, engine, counts, put } = writeQueue(1_000_000);
    const { travel } = engine;
    engine.travel = () => Promise.reject(new EngineError('late'));
    for (let number = 0; number < 100; number += 1) {
      put(`${number}`, session(100));
    }
    for (let turns = 0; turns < 50; turns += 1) {
      await turn();
    }
    assert.deepEqual([counts.dropped, counts.queueEntries], [32, 68]);
    engine.travel = travel;
    timers.run();
    while (counts.queueEntries > 0 || engine.underWay > 0) {
      await turn();
    }
    assert.equal(counts.written, 68);
  });

  test('overwrites what has expired while the engine is away', () => {
    const { clock, timers, engine, queue, counts, put } = writeQueue(100_000);
    engine.become({ connection: 'away' });
    put('id', session(100));
    const bytes = bytesOf(queue.get('id'));
    clock.pass(lifetimeSeconds);
    timers.run();
    assert.equal(isWiped(bytes), true);
    assert.deepEqual([counts.queueEntries, counts.dropped, timers.waiting.size], [0, 1, 0]);
  });
});

describe('the table of young copies', () => {
  test('knows those with more than half of their life left, and one an id and cache', () => {
    const clock = new TestClock();
    const fresh = new FreshTable(clock);
    const smtp = fresh.hashOf('smtp', span('id'));
    assert.notEqual(smtp, fresh.hashOf('smtpd', span('id')));
    assert.equal(fresh.isFresh(smtp), false);
    fresh.note(smtp, 120_000, lifetimeSeconds);
    assert.equal(fresh.isFresh(smtp), true);
    clock.pass(59);
    assert.equal(fresh.isFresh(smtp), true);
    clock.pass(1);
    assert.equal(fresh.isFresh(smtp), false);
    fresh.note(smtp, 60_000, lifetimeSeconds);
    assert.equal(fresh.isFresh(smtp), false, 'half of it is not more than half');
    fresh.note(smtp, 61_000, lifetimeSeconds);
    assert.equal(fresh.isFresh(smtp), true);
    fresh.forget(smtp);
    assert.equal(fresh.isFresh(smtp), false);
    fresh.note(smtp, 100_000, lifetimeSeconds);
    fresh.clear();
    assert.equal(fresh.isFresh(smtp), false);
  });

  test('holds one hash a slot: a later one takes the place, and an earlier one removes nothing', () => {
    const clock = new TestClock();
    const fresh = new FreshTable(clock, (bytes, start) => bytes[start]!);
    const [first, second] = [5, 5 + 65_536];
    fresh.note(first, 100_000, lifetimeSeconds);
    fresh.note(second, 100_000, lifetimeSeconds);
    assert.deepEqual([fresh.isFresh(first), fresh.isFresh(second)], [false, true]);
    fresh.forget(first);
    assert.equal(fresh.isFresh(second), true);
  });

  test('is a property of the copy alone: any times', () => {
    fc.assert(
      fc.property(fc.nat({ max: 120_000 }), fc.nat({ max: 200 }), (leftMs, passed) => {
        const clock = new TestClock();
        const fresh = new FreshTable(clock);
        const hash = fresh.hashOf('smtp', span('id'));
        fresh.note(hash, leftMs, lifetimeSeconds);
        clock.pass(passed);
        const hasMoreThanHalf = leftMs - passed * 1000 > 60_000;
        // A second early at most, never late.
        const isAlmostHalf = leftMs - passed * 1000 <= 61_000;
        assert.ok(fresh.isFresh(hash) === hasMoreThanHalf || (hasMoreThanHalf && isAlmostHalf));
      }),
    );
  });
});
