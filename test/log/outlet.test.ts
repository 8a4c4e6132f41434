import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { Channel, SendOutcome } from '../../src/log/channel.ts';
import type { LineHead } from '../../src/log/line.ts';
import type { LineBlock } from '../../src/log/line-block.ts';
import { Outlet } from '../../src/log/outlet.ts';
import { TestClock, TestTimers } from './scratch.ts';

type Mood = SendOutcome | 'part';

/** A reader that does what the test says, and remembers what it got whole. */
class ScriptedChannel implements Channel {
  connected = false;
  midway = false;
  readonly terminator = 10;
  readonly fewLines = 8;
  reachable = true;
  connects = 0;
  /** Calls of send(). */
  tries = 0;
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

  send(block: LineBlock): SendOutcome {
    assert.ok(this.connected, 'sent without a connection');
    this.tries += 1;
    while (block.first < block.end) {
      const outcome = this.#sendOne(textOf(block));
      if (outcome !== 'sent') {
        return outcome;
      }
      block.first += 1;
    }
    return 'sent';
  }

  #sendOne(text: string): SendOutcome {
    assert.ok(this.#partOf === undefined || this.#partOf === text, 'another line within one');
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

/** One that tells when it has room. */
class TellingChannel extends ScriptedChannel {
  awaited: (() => void)[] = [];

  awaitRoom(task: () => void): void {
    this.awaited.push(task);
  }

  tellRoom(): void {
    for (const task of this.awaited.splice(0)) {
      task();
    }
  }
}

/** The oldest line of the block, without its terminator. */
function textOf({ bytes, bounds, first }: LineBlock): string {
  assert.equal(bytes[bounds[first + 1]! - 1], 10);
  return bytes.toString('utf8', bounds[first], bounds[first + 1]! - 1);
}

const head: LineHead = (severity) => Buffer.from(`${severity} `);

/** Three of `info a`, or of `info 10`. */
const threeLines = 24;

function setUpWith<Scripted extends ScriptedChannel>(channel: Scripted, queueLimitBytes: number) {
  const clock = new TestClock();
  const timers = new TestTimers(clock);
  const outlet = new Outlet({
    channel,
    head,
    clock,
    name: 'syslogd',
    schedule: timers.schedule,
    queueLimitBytes,
  });
  return { clock, timers, channel, outlet };
}

function setUp(queueLimitBytes = threeLines) {
  return setUpWith(new ScriptedChannel(), queueLimitBytes);
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

  test('sends lines of many together: with the eighth, or soon', () => {
    const { channel, outlet, timers } = setUp(1000);
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      outlet.postSoon('info', text);
    }
    assert.equal(channel.tries, 0);
    outlet.postSoon('info', 'h');
    assert.equal(channel.tries, 1);
    assert.equal(channel.got.length, 8);
    outlet.postSoon('info', 'i');
    assert.equal(channel.tries, 1);
    timers.advance(2);
    assert.equal(channel.tries, 2);
    assert.equal(channel.got.at(-1), 'info i');
    assert.equal(timers.armed, 0);
  });

  test('sends a line at once, and before it those that wait for others', () => {
    const { channel, outlet } = setUp(1000);
    outlet.postSoon('info', 'a');
    outlet.post('warning', 'b');
    outlet.postSoon('info', 'c');
    assert.deepEqual(channel.got, ['info a', 'warning b']);
    assert.equal(outlet.drainNow(0, false), true);
    assert.deepEqual(channel.got, ['info a', 'warning b', 'info c']);
  });

  test('waits for room after a refusal, and does not try with each line', () => {
    const { channel, outlet, timers } = setUpWith(new TellingChannel(), 100_000);
    channel.usual = 'full';
    const lines = 5000;
    for (let number = 0; number < lines; number += 1) {
      outlet.post('info', String(number));
    }
    assert.ok(channel.tries < lines / 200, `${channel.tries} tries`);
    assert.equal(channel.awaited.length, 1);
    assert.equal(timers.armed, 0);
    channel.usual = 'sent';
    for (let turn = 0; outlet.pending > 0 && turn < 100; turn += 1) {
      channel.tellRoom();
    }
    assert.equal(channel.got.length, lines);
    assert.equal(channel.awaited.length, 0);
  });

  test('leaves time for others while a reader that was slow takes everything', () => {
    const { channel, outlet } = setUpWith(new TellingChannel(), 1_000_000);
    channel.usual = 'full';
    for (let number = 0; number < 10_000; number += 1) {
      outlet.post('info', String(number));
    }
    channel.usual = 'sent';
    channel.tellRoom();
    assert.ok(channel.got.length > 0 && channel.got.length < 2000, `${channel.got.length} at once`);
    assert.equal(outlet.drainNow(0, false), true, 'the end of the process has no others');
    assert.deepEqual(
      channel.got,
      Array.from({ length: 10_000 }, (_, number) => `info ${number}`),
    );
  });

  test('whatever the reader does, every message arrives in order or is counted as lost', () => {
    const mood = fc.constantFrom<Mood>('sent', 'full', 'part', 'away');
    const step = fc.oneof(
      fc.constant({ do: 'post' as const }),
      fc.constant({ do: 'postSoon' as const }),
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
          } else if (action.do === 'postSoon') {
            posted += 1;
            outlet.postSoon('info', String(posted));
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
