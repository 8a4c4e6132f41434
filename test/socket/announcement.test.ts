import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AnnouncementWatch } from '../../src/socket/announcement-watch.ts';
import { patientClient } from '../patient-client.ts';
import { poll } from '../postfix/poll.ts';
import { announcement, list, RawClient, startService } from './harness.ts';

const seedRequest = list('request', 'seed', 'size', '4');
const oldClient = /probably one of Postfix 3\.4 or 3\.5/u;
const newClient = /probably one of Postfix 3\.6 or later/u;

function setUp() {
  const clock = { ms: 50_000, nowSeconds: () => 0, monotonicMs: () => clock.ms };
  const told: string[] = [];
  return { clock, told, watch: new AnnouncementWatch(clock, (text) => void told.push(text)) };
}

describe('a client that gets the wrong announcement', () => {
  test('of 3.4: closes at once, sleeps a second, and closes again: one line an hour', () => {
    const { clock, told, watch } = setUp();
    for (let hour = 0; hour < 2; hour += 1) {
      for (let client = 0; client < 5; client += 1) {
        watch.closedAfterSeed(clock.ms - 2);
        clock.ms += 1003;
        watch.closedAfterSeed(clock.ms - 2);
        clock.ms += 60_000;
      }
      clock.ms += 3_600_000;
    }
    assert.equal(told.length, 2);
    assert.match(told[0]!, oldClient);
  });

  test('other clients that ask one thing and go are left alone', () => {
    const { clock, told, watch } = setUp();
    // Now and then; many at a time; after a while; a second apart, but slowly.
    for (const [pauseMs, heldMs] of [
      [5000, 2],
      [3, 2],
      [200, 150],
      [1700, 600],
    ] as const) {
      clock.ms += 10_000;
      for (let count = 0; count < 20; count += 1) {
        clock.ms += pauseMs;
        watch.closedAfterSeed(clock.ms - heldMs);
        if (pauseMs < 1000) {
          clock.ms += 2000;
        }
      }
    }
    assert.deepEqual(told, []);
  });

  test('of 3.6, and there is none: says nothing, and gets one line', () => {
    const { clock, told, watch } = setUp();
    const [silent, speaking] = [{}, {}];
    watch.openedSilently(silent);
    watch.openedSilently(speaking);
    watch.forget(speaking);
    clock.ms += 9000;
    watch.sweep();
    assert.deepEqual(told, []);
    clock.ms += 1000;
    watch.sweep();
    watch.sweep();
    assert.equal(told.length, 1);
    assert.match(told[0]!, newClient);
    watch.forget(silent);
    clock.ms += 7_200_000;
    watch.sweep();
    assert.equal(told.length, 1);
  });

  test('of 3.4 on a socket: its first list is the announcement, and it is told of', async () => {
    const { clock } = setUp();
    const running = await startService({ publicInterfacesOnly: false, clock });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const client = new RawClient(running.path);
      client.send(seedRequest);
      const first = await client.lists(1);
      assert.ok(first.startsWith(announcement));
      client.socket.destroy();
      await client.end();
      // Another connection is answered after the close of this one has been seen.
      const other = new RawClient(running.path);
      other.send(seedRequest + seedRequest);
      await other.lists(3);
      other.socket.destroy();
      clock.ms += 1005;
    }
    assert.match(running.warnings.join('\n'), oldClient);
    running.stop();
  });

  test('our own verbs, and scripts, that ask one thing a second are not told of', async () => {
    const { clock } = setUp();
    const running = await startService({ publicInterfacesOnly: false, clock });
    for (const name of ['lookup', 'delete', 'policy', 'list', 'stats', 'flush', 'unknown']) {
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const client = new RawClient(running.path);
        client.send(list('request', name, 'cache_type', 'smtp', 'cache_id', 'i'));
        await client.lists(2);
        client.socket.destroy();
        await client.end();
        const other = new RawClient(running.path);
        other.send(seedRequest + seedRequest);
        await other.lists(3);
        other.socket.destroy();
        clock.ms += 1005;
      }
    }
    assert.doesNotMatch(running.warnings.join('\n'), oldClient);
    running.stop();
  });

  test('nor is our client library, that asks for a seed a second', async () => {
    const { clock } = setUp();
    const running = await startService({ publicInterfacesOnly: false, clock });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const client = patientClient(running.path);
      await client.seed(1);
      await client.close();
      await poll('the end of its connection', () => running.service.counts.open === 0);
      clock.ms += 1005;
    }
    assert.deepEqual(running.warnings, []);
    running.stop();
  });

  test('of 3.4 where none is sent: its first list is the reply', async () => {
    const running = await startService({ publicInterfacesOnly: false, announce: false });
    const client = new RawClient(running.path);
    client.send(seedRequest);
    assert.equal(await client.lists(1), list('status', '0', 'seed', 'U1NTUw=='));
    assert.deepEqual(running.warnings, []);
    client.socket.destroy();
    running.stop();
  });
});
