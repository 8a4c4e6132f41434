import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { Channel, SendOutcome } from '../../src/log/channel.ts';
import { Outlet, type LineFormat } from '../../src/log/outlet.ts';
import { TestClock, TestTimers } from './scratch.ts';

type Mood = SendOutcome | 'part';

/** A reader that does what the test says, and remembers what it got whole. */
class ScriptedChannel implements Channel {
  connected = false;
  midway = false;
  reachable = true;
  connects = 0;
  readonly got: string[] = [];
  moods: Mood[] = [];
  usual: Mood = 'sent';
  #partOf: string | undefined;

  connect(): boolean {
    this.connects += 1;
    this.close();
    this.connected = this.reachable;
    return this.connected;
  }

  send(message: Buffer): SendOutcome {
    assert.ok(this.connected, 'sent without a connection');
    const text = message.toString();
    assert.ok(this.#partOf === undefined || this.#partOf === text, 'another message within one');
    const mood = this.moods.shift() ?? this.usual;
    switch (mood) {
      case 'sent':
        this.got.push(text);
        this.#setPart(undefined);
        return 'sent';
      case 'part':
        this.#setPart(text);
        return 'full';
      case 'away':
        this.close();
        return 'away';
      case 'refused':
        this.#setPart(undefined);
        return 'refused';
      case 'full':
        return 'full';
    }
    return mood;
  }

  close(): void {
    this.connected = false;
    this.#setPart(undefined);
  }

  #setPart(text: string | undefined): void {
    this.#partOf = text;
    this.midway = text !== undefined;
  }
}

const format: LineFormat = (severity, text) => Buffer.from(`${severity} ${text}`);

function setUp(queueLimit = 3) {
  const clock = new TestClock();
  const timers = new TestTimers(clock);
  const channel = new ScriptedChannel();
  const outlet = new Outlet({
    channel,
    format,
    clock,
    name: 'syslogd',
    schedule: timers.schedule,
    queueLimit,
  });
  return { clock, timers, channel, outlet };
}

describe('a log outlet', () => {
  test('connects when it is made and sends at once, with no timer', () => {
    const { channel, outlet, timers } = setUp();
    assert.equal(channel.connects, 1);
    outlet.post('info', 'a');
    assert.deepEqual(channel.got, ['info a']);
    assert.equal(timers.armed, 0);
    assert.equal(outlet.pending, 0);
  });

  test('keeps what a full reader does not take, in order, and tries again later', () => {
    const { channel, outlet, timers } = setUp();
    channel.usual = 'full';
    outlet.post('info', 'a');
    outlet.post('info', 'b');
    assert.deepEqual(channel.got, []);
    assert.equal(outlet.pending, 2);
    channel.usual = 'sent';
    timers.advance(2000);
    assert.deepEqual(channel.got, ['info a', 'info b']);
    assert.equal(timers.armed, 0);
  });

  test('loses the oldest when the queue is full, and says how many', () => {
    const { channel, outlet, timers } = setUp();
    channel.usual = 'full';
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      outlet.post('info', text);
    }
    channel.usual = 'sent';
    timers.advance(2000);
    assert.deepEqual(channel.got, [
      'warning 2 messages were lost here: syslogd did not take them in time',
      'info c',
      'info d',
      'info e',
    ]);
  });

  test('looks for a reader that is away once a second, not at every message', () => {
    const { channel, outlet, timers } = setUp();
    channel.reachable = false;
    channel.moods = ['away'];
    outlet.post('info', 'a');
    outlet.post('info', 'b');
    timers.advance(500);
    outlet.post('info', 'c');
    assert.equal(channel.connects, 1);
    timers.advance(500);
    assert.equal(channel.connects, 2);
    timers.advance(10_000);
    assert.equal(channel.connects, 12);
    channel.reachable = true;
    timers.advance(1000);
    assert.deepEqual(channel.got, ['info a', 'info b', 'info c']);
    assert.equal(channel.connects, 13);
  });

  test('finds a reader that came back by the next message, if the last look is a second old', () => {
    const { channel, outlet, clock } = setUp();
    clock.ms += 1000;
    channel.moods = ['away'];
    outlet.post('info', 'a');
    assert.deepEqual(channel.got, ['info a']);
    assert.equal(channel.connects, 2);
  });

  test('sends a message anew when the connection broke within it', () => {
    const { channel, outlet, timers } = setUp();
    channel.moods = ['part', 'away'];
    outlet.post('info', 'a');
    timers.advance(2000);
    assert.deepEqual(channel.got, ['info a']);
  });

  test('never drops the message that is partly sent', () => {
    const { channel, outlet, timers } = setUp();
    channel.moods = ['part'];
    channel.usual = 'full';
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      outlet.post('info', text);
    }
    channel.usual = 'sent';
    timers.advance(2000);
    assert.deepEqual(channel.got, [
      'info a',
      'warning 2 messages were lost here: syslogd did not take them in time',
      'info d',
      'info e',
    ]);
  });

  test('gives up a message that can never be sent, and goes on', () => {
    const { channel, outlet } = setUp();
    channel.moods = ['refused'];
    outlet.post('info', 'a');
    outlet.post('info', 'b');
    assert.deepEqual(channel.got, ['info b']);
  });

  test('drainNow sends what it can before its time is over, and says whether all is gone', () => {
    const { channel, outlet } = setUp();
    channel.moods = ['full', 'full', 'full'];
    outlet.post('fatal', 'a');
    assert.equal(outlet.drainNow(1000, true), true);
    assert.deepEqual(channel.got, ['fatal a']);
    channel.usual = 'full';
    outlet.post('fatal', 'b');
    assert.equal(outlet.drainNow(20, true), false);
    assert.equal(outlet.pending, 1);
  });

  test('drainNow does not wait a second to look for the reader', () => {
    const { channel, outlet } = setUp();
    channel.moods = ['away', 'sent'];
    outlet.post('fatal', 'a');
    assert.equal(channel.got.length, 0);
    assert.equal(outlet.drainNow(1000, true), true);
  });

  test('drainNow waits for a reader that is away only if told to', () => {
    const { channel, outlet } = setUp();
    channel.reachable = false;
    channel.moods = ['away'];
    outlet.post('info', 'a');
    const before = channel.connects;
    assert.equal(outlet.drainNow(60_000, false), false);
    assert.equal(channel.connects, before + 1);
    assert.equal(outlet.drainNow(50, true), false);
    assert.ok(channel.connects > before + 2);
  });

  test('a retired outlet sends what waits, then closes', () => {
    const { channel, outlet, timers } = setUp();
    channel.usual = 'full';
    outlet.post('info', 'a');
    outlet.retire();
    assert.equal(channel.connected, true);
    channel.usual = 'sent';
    timers.advance(2000);
    assert.deepEqual(channel.got, ['info a']);
    assert.equal(channel.connected, false);
    assert.equal(timers.armed, 0);
  });

  test('a retired outlet does not wait for a reader that is away', () => {
    const { channel, outlet, timers } = setUp();
    channel.reachable = false;
    channel.moods = ['away'];
    outlet.post('info', 'a');
    outlet.retire();
    assert.equal(outlet.pending, 0);
    assert.equal(timers.armed, 0);
  });

  test('whatever the reader does, every message arrives in order or is counted as lost', () => {
    const mood = fc.constantFrom<Mood>('sent', 'full', 'part', 'away');
    const step = fc.oneof(
      fc.constant({ do: 'post' as const }),
      fc.record({ do: fc.constant('moods' as const), moods: fc.array(mood, { maxLength: 4 }) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ do: fc.constant('reach' as const), reachable: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), mood, (steps, usual) => {
        const { channel, outlet, timers } = setUp();
        channel.usual = usual;
        let posted = 0;
        for (const action of steps) {
          if (action.do === 'post') {
            posted += 1;
            outlet.post('info', String(posted));
          } else if (action.do === 'moods') {
            channel.moods.push(...action.moods);
          } else if (action.do === 'wait' && channel.usual !== 'away') {
            timers.advance(action.ms);
          } else if (action.do === 'reach') {
            channel.reachable = action.reachable;
          }
          assert.ok(outlet.pending <= 3 + 1);
        }
        channel.moods = [];
        channel.usual = 'sent';
        channel.reachable = true;
        timers.advance(5000);
        assert.equal(outlet.pending, 0);
        assert.equal(timers.armed, 0);
        let lost = 0;
        let last = 0;
        let received = 0;
        for (const text of channel.got) {
          const [severity, number] = text.split(' ');
          if (severity === 'warning') {
            lost += Number(number);
          } else {
            received += 1;
            assert.ok(Number(number) > last, 'out of order');
            last = Number(number);
          }
        }
        assert.equal(received + lost, posted);
      }),
      { numRuns: 1000 },
    );
  });
});
