/**
 * What each event does in each state: the updates of the exchange file, the
 * reader of a source, a client of the EGD server.
 */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, mock, test } from 'node:test';
import { TlsmgrError } from '../../src/errors.ts';
import { EgdClient } from '../../src/prng/egd-client.ts';
import type { ExchangeOutcome } from '../../src/prng/exchange-file.ts';
import { ExchangeUpdates, type UpdatedFile } from '../../src/prng/exchange-updates.ts';
import { Pool } from '../../src/prng/pool.ts';
import { SourceReader } from '../../src/prng/source-reader.ts';
import type { EntropySource } from '../../src/prng/entropy-source.ts';
import { keepingLog } from './scratch.ts';

const failure = 'cannot write PRNG exchange file /x: No space left on device';
const lockedOut = 'warning: cannot lock PRNG exchange file /x: another process holds it';

type Event = ExchangeOutcome | 'failure' | 'a minute, locked' | 'close';

describe('updates of the exchange file', () => {
  /** Each event that leads to a state, and is applied to it: the state then, and what is logged. */
  const reach: Record<string, Event[]> = {
    working: ['done'],
    locked: ['locked'],
    'locked after a failure': ['failure', 'locked'],
    'locked out': ['locked', 'a minute, locked'],
    failing: ['failure'],
    closed: ['close'],
  };
  const warned = [`warning: ${failure}`];
  const removed = ['warning: PRNG exchange file was removed'];
  const expected: [string, Event, string, boolean, string[]][] = [
    ['working', 'done', 'working', true, []],
    ['working', 'locked', 'locked', true, []],
    ['working', 'failure', 'failing', false, warned],
    ['working', 'removed', 'working', true, removed],
    ['working', 'nameless', 'working', true, []],
    ['working', 'close', 'closed', false, []],
    ['locked', 'done', 'working', true, []],
    ['locked', 'locked', 'locked', true, []],
    ['locked', 'a minute, locked', 'locked out', false, [lockedOut]],
    ['locked', 'failure', 'failing', false, warned],
    ['locked', 'close', 'closed', false, []],
    ['locked after a failure', 'locked', 'locked', false, []],
    ['locked after a failure', 'done', 'working', true, []],
    ['locked after a failure', 'failure', 'failing', false, []],
    ['locked after a failure', 'a minute, locked', 'locked out', false, [lockedOut]],
    ['locked out', 'done', 'working', true, []],
    ['locked out', 'locked', 'locked out', false, []],
    ['locked out', 'a minute, locked', 'locked out', false, []],
    ['locked out', 'failure', 'failing', false, []],
    ['locked out', 'close', 'closed', false, []],
    ['failing', 'done', 'working', true, []],
    ['failing', 'locked', 'locked', false, []],
    ['failing', 'failure', 'failing', false, []],
    ['failing', 'close', 'closed', false, []],
    ['closed', 'done', 'closed', false, []],
    ['closed', 'failure', 'closed', false, []],
    ['closed', 'close', 'closed', false, []],
  ];

  function setUp() {
    const clock = { ms: 0, nowSeconds: () => 1, monotonicMs: () => clock.ms };
    const log = keepingLog();
    const retries = new Set<() => void>();
    let next: Event = 'done';
    let closed = 0;
    const file: UpdatedFile = {
      path: '/x',
      update: () => {
        if (next === 'failure') {
          throw new TlsmgrError('STORAGE', failure);
        }
        return next as ExchangeOutcome;
      },
      reopen: () => false,
      close: () => (closed += 1),
    };
    const updates = new ExchangeUpdates(file, {
      pool: new Pool({ clock }),
      log,
      clock,
      schedule: (_, task) => {
        retries.add(task);
        return { cancel: () => void retries.delete(task) };
      },
    });
    const happen = (event: Event): void => {
      if (event === 'close') {
        updates.close();
        return;
      }
      clock.ms += event === 'a minute, locked' ? 60_000 : 0;
      next = event === 'a minute, locked' ? 'locked' : event;
      updates.update();
    };
    return { updates, log, retries, happen, closedTimes: () => closed };
  }

  for (const [state, event, after, healthy, lines] of expected) {
    test(`${state}, then ${event}: ${after}`, () => {
      const { updates, log, retries, happen } = setUp();
      for (const earlier of reach[state]!) {
        happen(earlier);
      }
      log.lines.length = 0;
      happen(event);
      assert.equal(updates.state, after);
      assert.equal(updates.healthy, healthy);
      assert.deepEqual(log.lines, lines);
      assert.ok(retries.size <= 1, 'one retry at a time');
      assert.equal(updates.state === 'closed' && retries.size > 0, false, 'closed for good');
    });
  }

  test('a lock is tried again until it is free', () => {
    const { updates, retries, happen } = setUp();
    happen('locked');
    const [retry] = retries;
    happen('done');
    assert.equal(updates.count, 1);
    retry!();
    assert.equal(updates.count, 2);
  });

  test('the file is closed once', () => {
    const { happen, closedTimes } = setUp();
    happen('close');
    happen('close');
    assert.equal(closedTimes(), 1);
  });
});

describe('the reader of a source', () => {
  const reach: Record<string, string[]> = {
    healthy: ['good'],
    failing: ['fault'],
    stuck: ['stuck'],
    'failing and stuck': ['stuck', 'fault'],
    closed: ['close'],
  };
  const back = ['info: entropy source x is back'];
  const fault = ['warning: it is gone'];
  const stuck = ['warning: entropy source x fails its health test: its data counts for nothing'];
  const expected: [string, string, boolean, string[]][] = [
    ['healthy', 'good', true, []],
    ['healthy', 'fault', false, fault],
    ['healthy', 'stuck', false, stuck],
    ['failing', 'good', true, back],
    ['failing', 'fault', false, []],
    ['failing', 'stuck', false, stuck],
    ['stuck', 'good', true, back],
    ['stuck', 'fault', false, fault],
    ['stuck', 'stuck', false, []],
    ['failing and stuck', 'good', true, back],
    ['failing and stuck', 'fault', false, []],
    ['failing and stuck', 'stuck', false, []],
    ['closed', 'good', false, []],
    ['closed', 'fault', false, []],
    ['closed', 'stuck', false, []],
  ];

  for (const [state, event, healthy, lines] of expected) {
    test(`${state}, then ${event}: ${healthy ? 'healthy' : 'not healthy'}`, async () => {
      const clock = { nowSeconds: () => 1, monotonicMs: () => 1 };
      const log = keepingLog();
      const pool = new Pool({ clock });
      let next = 'good';
      const source: EntropySource = {
        lasting: false,
        open: async () => undefined,
        read: async (bytes) => {
          if (next === 'fault') {
            throw new TlsmgrError('SOURCE', 'it is gone');
          }
          const data = Buffer.alloc(bytes, 7);
          if (next === 'good') {
            pool.fill(data, 0, bytes);
          }
          return data;
        },
        close: () => undefined,
      };
      const options = { source, name: 'x', bytes: 64, periodSeconds: 60, pool, log, clock };
      const reader = new SourceReader(options);
      const happen = async (what: string): Promise<void> => {
        if (what === 'close') {
          reader.close();
        } else {
          next = what;
          await reader.start();
        }
      };
      for (const earlier of reach[state]!) {
        await happen(earlier);
      }
      log.lines.length = 0;
      await happen(event);
      assert.equal(reader.healthy, healthy);
      assert.deepEqual(log.lines, lines);
      reader.close();
    });
  }
});

describe('a client of the EGD server', () => {
  /** Enough of a socket. */
  class FakeSocket extends EventEmitter {
    writableNeedDrain = false;
    paused = false;
    readonly unref = (): void => undefined;
    pause(): void {
      this.paused = true;
    }
    resume(): void {
      this.paused = false;
    }
    destroy(): void {
      this.emit('close');
    }
  }

  const delayMs = 500;
  const reach: Record<string, string[]> = {
    reading: [],
    waiting: ['a command beyond the budget'],
    blocked: ['a command with an answer unread'],
    closed: ['close'],
  };
  const expected: [string, string, string, number][] = [
    ['reading', 'a command', 'reading', 1],
    ['reading', 'a command beyond the budget', 'waiting', 0],
    ['reading', 'a command with an answer unread', 'blocked', 1],
    ['reading', 'drain', 'reading', 0],
    ['reading', 'time', 'reading', 0],
    ['reading', 'no command', 'closed', 0],
    ['waiting', 'a command', 'waiting', 0],
    ['waiting', 'drain', 'waiting', 0],
    ['waiting', 'time', 'reading', 1],
    ['waiting', 'close', 'closed', 0],
    ['blocked', 'a command', 'blocked', 0],
    ['blocked', 'drain', 'reading', 0],
    ['blocked', 'time', 'blocked', 0],
    ['blocked', 'close', 'closed', 0],
    ['closed', 'drain', 'closed', 0],
    ['closed', 'time', 'closed', 0],
  ];

  for (const [state, event, after, answers] of expected) {
    test(`${state}, then ${event}: ${after}`, () => {
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        const socket = new FakeSocket();
        let answered = 0;
        let leftMs = 0;
        const client = new EgdClient(socket as unknown as Socket, () => {
          answered += leftMs === 0 ? 1 : 0;
          return leftMs;
        });
        const happen = (what: string): void => {
          if (what === 'close' || what === 'drain') {
            socket.writableNeedDrain = false;
            socket.emit(what);
          } else if (what === 'time') {
            leftMs = 0;
            mock.timers.tick(delayMs);
          } else {
            leftMs = what === 'a command beyond the budget' ? delayMs : 0;
            socket.writableNeedDrain = what === 'a command with an answer unread';
            socket.emit('data', Buffer.from([what === 'no command' ? 77 : 0]));
          }
        };
        for (const earlier of reach[state]!) {
          happen(earlier);
        }
        assert.equal(client.state, state);
        answered = 0;
        happen(event);
        assert.equal(client.state, after);
        assert.equal(answered, answers);
        assert.equal(
          socket.paused,
          after === 'blocked' || (state === 'blocked' && after === 'closed'),
        );
      } finally {
        mock.timers.reset();
      }
    });
  }
});
