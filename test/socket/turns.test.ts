import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RequestType, writeRefusal } from '../../src/requests/request-type.ts';
import { readsATurn, type TurnTaker, turnMs, Turns } from '../../src/socket/turns.ts';
import { list } from './harness.ts';
import { nextTurn, ScriptedTransport, serviceOfTypes } from './scripted-transport.ts';

describe('turns', () => {
  test('a turn lasts its time from the first look at the clock', () => {
    let nowMs = 1000;
    const turns = new Turns(() => nowMs);
    turns.begin();
    nowMs += 10;
    assert.equal(turns.isOver(), false);
    nowMs += 0.25;
    assert.equal(turns.isOver(), true);
    turns.begin();
    assert.equal(turns.isOver(), false);
  });

  test('the queue gets the time of one turn, and goes round', async () => {
    let nowMs = 1000;
    const turns = new Turns(() => nowMs);
    const order: string[] = [];
    const client = (name: string, takesMs: number, times: number): TurnTaker => {
      let left = times;
      const taker: TurnTaker = {
        takeTurn() {
          order.push(name);
          nowMs += takesMs;
          left -= 1;
          if (left > 0) {
            turns.queue(taker);
          }
          return false;
        },
      };
      return taker;
    };
    turns.queue(client('long', turnMs, 2));
    turns.queue(client('short', turnMs / 8, 2));
    turns.queue(client('other', turnMs / 8, 1));
    await nextTurn();
    assert.deepEqual(order, ['long']);
    await nextTurn();
    assert.deepEqual(order, ['long', 'short', 'other', 'long']);
    await nextTurn();
    assert.deepEqual(order, ['long', 'short', 'other', 'long', 'short']);
    assert.equal(turns.waiting, 0);
  });

  test('of busy clients one has its turn at once, the others queue', async () => {
    let nowMs = 1000;
    const turns = new Turns(() => nowMs);
    assert.equal(turns.mustQueue(nowMs), false);
    assert.equal(turns.mustQueue(nowMs), true);
    await nextTurn();
    assert.equal(turns.mustQueue(nowMs), false);
    nowMs += 1000;
    assert.equal(turns.mustQueue(1000), false, 'busy long ago');
  });
});

describe('who sends long requests', () => {
  const part = 'x'.repeat(16 * 1024);

  function setUp(count: number) {
    const echo: RequestType = {
      name: 'echo',
      attributes: [{ name: 'text', kind: 'string' }],
      reply: [],
      handle: (_args, reply) => writeRefusal(echo, 0, reply),
    };
    // No time passes: only the number of those that read ends a turn.
    const service = serviceOfTypes([echo], { turns: new Turns(() => 1000) });
    return Array.from({ length: count }, () => {
      const transport = new ScriptedTransport(service);
      transport.receive(`request\0echo\0text\0${part}`);
      return transport;
    });
  }

  test('is read in turns, a few clients at a time, the one that has waited longest first', async () => {
    const clients = setUp(readsATurn * 2 + 1);
    assert.ok(clients.every(({ paused }) => paused));
    await nextTurn();
    const reading = clients.map(({ paused }) => !paused);
    assert.deepEqual(reading, [
      ...Array<boolean>(readsATurn).fill(true),
      ...Array<boolean>(readsATurn + 1).fill(false),
    ]);
    clients[0]!.receive(part);
    assert.equal(clients[0]!.connection.state, 'paced');
    await nextTurn();
    await nextTurn();
    assert.ok(clients.every(({ paused }) => !paused));
    for (const client of clients) {
      client.receive('\0\0');
      assert.equal(client.sent, list('status', '0'));
      assert.equal(client.connection.state, 'serving');
    }
  });

  test('has the time of one request for all its parts', async () => {
    const [client] = setUp(1);
    const { stalledSinceMs } = client!.connection;
    assert.notEqual(stalledSinceMs, 0);
    for (let parts = 0; parts < 3; parts += 1) {
      await nextTurn();
      client!.receive(part);
    }
    assert.equal(client!.connection.stalledSinceMs, stalledSinceMs);
  });
});

describe('who sends many requests at once', () => {
  /** Each request takes so much of a clock that nothing else moves. */
  function setUp(requestMs: number) {
    let nowMs = 1000;
    const answered: string[] = [];
    const work: RequestType = {
      name: 'work',
      attributes: [{ name: 'of', kind: 'string' }],
      reply: [],
      handle({ spans }, reply) {
        const { buffer, start, end } = spans[0]!;
        answered.push(buffer.toString('latin1', start, end));
        nowMs += requestMs;
        return writeRefusal(work, 0, reply);
      },
    };
    const service = serviceOfTypes([work, { ...work, name: 'dear', costly: true }], {
      turns: new Turns(() => nowMs),
    });
    return { answered, connect: () => new ScriptedTransport(service) };
  }

  const request = (name: string, of: string): string => list('request', name, 'of', of);
  const answer = list('status', '0');

  test('waits for its turns: another is answered after one of them', async () => {
    const { answered, connect } = setUp(turnMs / 20);
    const [flood, other] = [connect(), connect()];
    flood.receive(request('work', 'flood').repeat(400));
    const atOnce = answered.length;
    assert.ok(atOnce <= 48, `${atOnce} requests in one turn`);
    assert.equal(flood.connection.state, 'queued');
    assert.equal(flood.paused, true, 'reads more though it has not answered what there is');
    other.receive(request('work', 'other'));
    assert.equal(answered[atOnce], 'other');
    assert.equal(other.sent, answer);
    for (let turns = 0; turns < 100 && flood.connection.state === 'queued'; turns += 1) {
      await nextTurn();
    }
    assert.equal(flood.sent, answer.repeat(400));
    assert.equal(flood.paused, false);
  });

  test('costly requests are answered one a turn', async () => {
    const { answered, connect } = setUp(turnMs * 4);
    const [flood, other] = [connect(), connect()];
    flood.receive(request('dear', 'flood').repeat(3));
    assert.equal(answered.length, 1);
    other.receive(request('work', 'other'));
    assert.deepEqual(answered, ['flood', 'other']);
    await nextTurn();
    assert.deepEqual(answered, ['flood', 'other', 'flood']);
    await nextTurn();
    await nextTurn();
    assert.equal(flood.sent, answer.repeat(3));
  });

  test('many of them together take the time of one, and all are answered', async () => {
    const { answered, connect } = setUp(turnMs * 2);
    const floods = Array.from({ length: 20 }, connect);
    for (const flood of floods) {
      flood.receive(request('dear', 'flood').repeat(2));
    }
    answered.length = 0;
    // What they send next waits in the queue with the rest.
    await nextTurn();
    assert.equal(answered.length, 1);
    for (let turns = 0; turns < 100; turns += 1) {
      await nextTurn();
    }
    for (const flood of floods) {
      assert.equal(flood.sent, answer.repeat(2));
      flood.receive(request('dear', 'flood'));
    }
    assert.equal(answered.length, 20 + 1, 'busy clients are answered as they come');
  });

  test('who is gone has no turn', async () => {
    const { answered, connect } = setUp(turnMs * 2);
    const flood = connect();
    flood.receive(request('dear', 'flood').repeat(3));
    flood.connection.closed();
    await nextTurn();
    assert.equal(answered.length, 1);
  });
});
