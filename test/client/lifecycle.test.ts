/** The states of a client, what each call does in each, and how calls end. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TlsmgrClient, type ClientOptions } from '../../src/client/client.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { type Asked, type Script, ScriptedServer } from './scripted-server.ts';

const forever = 600_000;

type Outcome = string | boolean | undefined;

/** Every call, by its name, with its outcome in short: what a miss gives, or the code of its error. */
const calls: readonly (readonly [name: string, (client: TlsmgrClient) => Promise<unknown>])[] = [
  ['lookup', (client) => client.lookup('smtp', 'id')],
  ['update', (client) => client.update('smtp', 'id', Buffer.from('session'))],
  ['delete', (client) => client.delete('smtp', 'id')],
  ['seed', (client) => client.seed(1)],
  ['ticketKey', (client) => client.ticketKey()],
  ['ticketRing', (client) => client.ticketRing('web')],
  ['policy', (client) => client.policy('smtp')],
  ['stats', (client) => client.stats()],
  ['list', (client) => client.list('smtp').next()],
  ['flush', (client) => client.flush('smtp')],
  ['identify', (client) => client.identify()],
];

/** Of calls that a program goes on without. */
const misses: Readonly<Record<string, Outcome>> = {
  lookup: undefined,
  update: false,
  delete: false,
};

async function outcomesOf(client: TlsmgrClient): Promise<Record<string, Outcome>> {
  const ended = calls.map(async ([name, call]): Promise<[string, Outcome]> => {
    try {
      const value = await call(client);
      const isMiss = client.trouble !== undefined && Object.hasOwn(misses, name);
      return [name, isMiss && value === misses[name] ? client.trouble?.code : 'answered'];
    } catch (thrown) {
      assert.ok(thrown instanceof TlsmgrError, String(thrown));
      return [name, thrown.code];
    }
  });
  return Object.fromEntries(await Promise.all(ended));
}

const all = (outcome: Outcome): Record<string, Outcome> =>
  Object.fromEntries(calls.map(([name]) => [name, outcome]));

function answer({ name, words, reply }: Asked): void {
  const rest: Record<string, string[]> = {
    lookup: ['session', 'QUJD'],
    seed: ['seed', name === 'seed' ? Buffer.alloc(Number(words[3]), 'S').toString('base64') : ''],
    tktkey: ['keybuf', Buffer.alloc(88, 'K').toString('base64')],
    tktring: ['keys', ''],
    policy: ['cachable', '1', 'timeout', '3600'],
    stats: ['report', '{}'],
    list: ['entries', '[]', 'cursor', ''],
    flush: ['entries', '0'],
  };
  reply('status', '0', ...(rest[name] ?? []));
}

let undo: (() => unknown)[] = [];
afterEach(async () => {
  // The server first: calls that still wait fail then.
  for (const one of undo) {
    await one();
  }
  undo = [];
});

async function serve(script: Partial<Script> = {}): Promise<ScriptedServer> {
  const server = await ScriptedServer.start({ asked: answer, ...script });
  undo.push(() => server.stop());
  return server;
}

function clientOf(server: { path: string }, options: Partial<ClientOptions> = {}): TlsmgrClient {
  const client = new TlsmgrClient({ socketPath: server.path, deadlineMs: forever, ...options });
  undo.push(() => client.close());
  return client;
}

/** Until the event loop has taken what is ready. */
async function settled(condition: () => boolean): Promise<void> {
  const untilMs = performance.now() + 20_000;
  while (!condition()) {
    assert.ok(performance.now() < untilMs, 'waited in vain');
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

describe('each call in each state', () => {
  test('idle, and up: it is answered', async () => {
    const server = await serve();
    const client = clientOf(server);
    assert.equal(client.state, 'idle');
    assert.deepEqual(await outcomesOf(client), all('answered'));
    assert.equal(client.state, 'up');
    assert.deepEqual(await outcomesOf(client), all('answered'));
    assert.equal(server.connections, 1);
  });

  test('connecting: it waits, until its deadline at the latest', async () => {
    const server = await serve({ greets: () => false });
    const client = clientOf(server, { deadlineMs: 50 });
    void client.lookup('smtp', 'first');
    assert.equal(client.state, 'idle');
    assert.deepEqual(await outcomesOf(client), all('DEADLINE'));
    assert.equal(server.connections, 1);
  });

  test('connecting, and the connection fails: all fail at once', async () => {
    const server = await serve({ greets: () => false });
    const client = clientOf(server);
    const outcomes = outcomesOf(client);
    await settled(() => server.connections === 1);
    server.drop();
    assert.deepEqual(await outcomes, all('UNAVAILABLE'));
    assert.equal(client.state, 'down');
  });

  test('down: it tries again', async () => {
    const server = await serve();
    await server.away();
    const client = clientOf(server);
    assert.deepEqual(await outcomesOf(client), all('UNAVAILABLE'));
    assert.equal(client.state, 'down');
    assert.match(client.trouble!.message, /there is no such socket|nobody listens/u);
    await server.listen();
    assert.deepEqual(await outcomesOf(client), all('answered'));
    assert.equal(client.trouble, undefined);
  });

  test('retrying: down until there is a connection', async () => {
    const server = await serve({ greets: (connection) => connection > 1 });
    const client = clientOf(server);
    const first = client.lookup('smtp', 'id');
    await settled(() => server.connections === 1);
    server.drop();
    assert.equal(await first, undefined);
    const second = client.lookup('smtp', 'id');
    assert.equal(client.state, 'down');
    assert.equal((await second)?.length, 3);
    assert.equal(client.state, 'up');
  });

  test('closing: it fails, and those under way are answered', async () => {
    const held: Asked[] = [];
    const server = await serve({ asked: (request) => void held.push(request) });
    const client = clientOf(server);
    const underWay = client.seed(3);
    await settled(() => held.length === 1);
    const closed = client.close();
    assert.equal(client.state, 'down');
    assert.deepEqual(await outcomesOf(client), all('CLOSED'));
    answer(held[0]!);
    assert.equal((await underWay).toString(), 'SSS');
    await closed;
  });

  test('closed: it fails, and closing once more changes nothing', async () => {
    const client = clientOf(await serve());
    await client.seed(1);
    await client[Symbol.asyncDispose]();
    await client.close();
    assert.equal(client.state, 'down');
    assert.deepEqual(await outcomesOf(client), all('CLOSED'));
  });

  test('closing, and the connection fails: closed', async () => {
    const server = await serve({ asked: () => {} });
    const client = clientOf(server);
    const underWay = client.seed(3);
    await settled(() => server.requests.length === 1);
    const closed = client.close();
    server.drop();
    await assert.rejects(underWay, { code: 'UNAVAILABLE' });
    await closed;
  });

  test('the server closes an idle connection: idle, and the next call connects', async () => {
    const server = await serve();
    const client = clientOf(server);
    for (let count = 1; count <= 5; count += 1) {
      await client.seed(1);
      server.drop();
      await settled(() => client.state === 'idle');
      assert.equal(server.connections, count);
    }
  });
});

describe('a call', () => {
  test('ten at a server that has stopped end within twice the deadline', async () => {
    const server = await serve({ asked: () => {} });
    const client = clientOf(server, { deadlineMs: 1000 });
    await client.identify();
    const beganMs = performance.now();
    const found = await Promise.all(
      Array.from({ length: 10 }, (_, index) => client.lookup('smtp', `id ${index}`)),
    );
    assert.deepEqual(new Set(found), new Set([undefined]));
    assert.ok(performance.now() - beganMs < 2000);
    assert.equal(client.trouble!.code, 'DEADLINE');
    await settled(() => client.state === 'down');
  });

  test('with a short deadline of its own ends alone; its reply is skipped', async () => {
    const held: Asked[] = [];
    const server = await serve({ asked: (request) => void held.push(request) });
    const client = clientOf(server);
    const short = client.seed(1, { deadlineMs: 20 });
    const other = client.seed(2);
    await assert.rejects(short, { code: 'DEADLINE', message: /: no answer within 20 ms$/u });
    for (const request of held) {
      answer(request);
    }
    assert.equal((await other).toString(), 'SS');
    assert.equal(server.connections, 1);
  });

  test('tells its deadline in whole milliseconds', async () => {
    const client = clientOf(await serve({ asked: () => {} }));
    await assert.rejects(client.seed(1, { deadlineMs: 20.331744 }), {
      message: /: no answer within 21 ms$/u,
    });
  });

  test('that is aborted rejects with the reason, also before it is sent; others go on', async () => {
    const server = await serve();
    const client = clientOf(server);
    const reason = new Error('no longer wanted');
    const stop = new AbortController();
    const stopped = ['lookup', 'seed'].map((name) =>
      name === 'seed'
        ? client.seed(1, { signal: stop.signal })
        : client.lookup('smtp', 'id', { signal: stop.signal }),
    );
    const other = client.seed(2);
    stop.abort(reason);
    for (const one of stopped) {
      await assert.rejects(one, reason);
    }
    await assert.rejects(client.delete('smtp', 'id', { signal: stop.signal }), reason);
    assert.equal((await other).length, 2);
    assert.deepEqual(server.requests, ['seed']);
  });

  test('beyond as many as may wait fails at once', async () => {
    const server = await serve({ asked: () => {} });
    const client = clientOf(server, { maxWaiting: 3 });
    const waiting = [client.seed(1), client.seed(1), client.lookup('smtp', 'id')];
    assert.deepEqual(await outcomesOf(client), all('BUSY'));
    await settled(() => server.requests.length === 3);
    assert.deepEqual(await outcomesOf(client), all('BUSY'));
    server.drop();
    await Promise.allSettled(waiting);
    assert.equal(client.state, 'down');
  });

  test('that is wrong is a RangeError, and nothing is sent', async () => {
    const server = await serve();
    const client = clientOf(server);
    for (const wrong of [
      client.seed(0),
      client.seed(256),
      client.seed(1.5),
      client.ticketKey(Buffer.alloc(15)),
      client.lookup('smtp', 'a\0b'),
      client.lookup('smtp', 'x'.repeat(65_537)),
      client.update('smtp', 'id', Buffer.alloc(800_000)),
      client.seed(1, { deadlineMs: 0 }),
      client.policy('smtp', { deadlineMs: Number.NaN }),
    ]) {
      await assert.rejects(wrong, RangeError);
    }
    assert.equal(server.connections, 0);
    assert.throws(() => new TlsmgrClient({ socketPath: 'x', maxWaiting: 0 }), RangeError);
    assert.throws(() => new TlsmgrClient({ socketPath: 'x', deadlineMs: -1 }), RangeError);
  });

  test('gives bytes in memory of their own', async () => {
    const client = clientOf(await serve());
    for (const bytes of [await client.seed(32), await client.ticketKey()]) {
      assert.equal(bytes!.buffer.byteLength, bytes!.length);
    }
    const found = await client.lookup('smtp', 'id');
    await client.lookup('smtp', 'id');
    assert.equal(found!.toString(), 'ABC');
  });
});

describe('the way to the server', () => {
  test('calls made at once go to this tlsmgr at once', async () => {
    const held: Asked[] = [];
    const server = await serve({ asked: (request) => void held.push(request) });
    const client = clientOf(server);
    const seeds = Array.from({ length: 64 }, (_, index) => client.seed(index + 1));
    await settled(() => held.length === 64);
    for (const request of held) {
      answer(request);
    }
    const lengths = (await Promise.all(seeds)).map(({ length }) => length);
    assert.deepEqual(
      lengths,
      Array.from({ length: 64 }, (_, index) => index + 1),
    );
  });

  test("and to Postfix's own one after the other", async () => {
    const held: Asked[] = [];
    const server = await serve({ as: 'postfix', asked: (request) => void held.push(request) });
    const client = clientOf(server);
    const seeds = Array.from({ length: 5 }, (_, index) => client.seed(index + 1));
    for (let count = 1; count <= 5; count += 1) {
      await settled(() => held.length === count);
      answer(held.at(-1)!);
    }
    const lengths = (await Promise.all(seeds)).map(({ length }) => length);
    assert.deepEqual(lengths, [1, 2, 3, 4, 5]);
    await assert.rejects(client.stats(), { code: 'UNSUPPORTED' });
    assert.equal(client.trouble?.code, 'UNSUPPORTED');
    const last = client.seed(1);
    await settled(() => held.length === 6);
    answer(held.at(-1)!);
    await last;
    assert.equal(client.trouble?.code, undefined);
    assert.equal(await client.lookup('mine', 'id'), undefined);
    assert.equal(client.trouble?.code, 'UNSUPPORTED');
  });

  test('a server that fails is not asked again and again, and found again when it is back', async () => {
    const server = await serve({ greets: () => up, asked: answer });
    let up = true;
    const client = clientOf(server, { deadlineMs: 30 });
    await client.seed(1);
    up = false;
    server.drop();
    await settled(() => client.state === 'idle');
    for (let count = 0; count < 3; count += 1) {
      assert.equal(await client.lookup('smtp', 'id'), undefined);
      await settled(() => server.connections === count + 2 && server.open === 0);
      assert.equal(client.state, 'down');
    }
    // One connection that worked, three that failed.
    assert.equal(server.connections, 4);
    await assert.rejects(client.seed(1), {
      code: 'UNAVAILABLE',
      message: /it is not asked again for a while$/u,
    });
    assert.equal(server.connections, 4);
    up = true;
    await settled(() => {
      void client.seed(1, { deadlineMs: forever }).catch(() => {});
      return client.state === 'up';
    });
    assert.equal(server.connections, 5);
  });

  for (const as of ['tlsmgr', 'postfix'] as const) {
    test(`a connection that answers nothing is given up however steady the calls: ${as}`, async () => {
      const server = await serve({
        as,
        asked(request) {
          if (request.connection > 1) {
            answer(request);
          }
        },
      });
      const client = clientOf(server, { deadlineMs: 60 });
      const untilMs = performance.now() + 20_000;
      const found: Buffer[] = [];
      while (found.length === 0) {
        assert.ok(performance.now() < untilMs, `${server.connections} connection`);
        void client
          .lookup('smtp', 'id')
          .then((session) => found.push(...(session ? [session] : [])));
        await sleep(5);
      }
      assert.ok(server.connections > 1);
    });
  }

  test('and the circuit opens when it is so each time', async () => {
    const server = await serve({ asked: () => {} });
    const client = clientOf(server, { deadlineMs: 60 });
    const untilMs = performance.now() + 20_000;
    while (client.trouble?.message.endsWith('it is not asked again for a while') !== true) {
      assert.ok(performance.now() < untilMs, client.trouble?.message);
      void client.lookup('smtp', 'id');
      await sleep(5);
    }
    assert.equal(server.connections, 3);
  });

  test('a call with a longer deadline is waited for, whatever the others have', async () => {
    const held: Asked[] = [];
    const server = await serve({ asked: (request) => void held.push(request) });
    const client = clientOf(server, { deadlineMs: 15 });
    const long = client.seed(2, { deadlineMs: forever });
    await settled(() => held.length === 1);
    for (let count = 0; count < 5; count += 1) {
      assert.equal(await client.lookup('smtp', 'id'), undefined);
    }
    answer(held[0]!);
    assert.equal((await long).toString(), 'SS');
    assert.equal(server.connections, 1);
  });

  test('a reply that is none ends the connection', async () => {
    for (const said of [
      ['other', '0'],
      ['status', 'x', 'seed', 'QUJD'],
      ['status', '0'],
      ['status', '0', 'seed', 'QUJ'],
    ]) {
      const server = await serve({ asked: ({ reply }) => reply(...said) });
      const client = clientOf(server);
      await assert.rejects(client.seed(3), { code: 'UNAVAILABLE' }, said.join());
      assert.equal(client.state, 'down');
    }
  });

  test('more than was asked for ends it as well', async () => {
    const server = await serve({
      asked(request) {
        answer(request);
        answer(request);
      },
    });
    const client = clientOf(server);
    assert.equal((await client.seed(3)).length, 3);
    await settled(() => client.state !== 'up');
  });

  test('an idle client keeps no process from ending', () => {
    const child = join(import.meta.dirname, 'idle-child.ts');
    const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', child], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.deepEqual([status, stdout], [0, 'up\n']);
  });
});
