/** Signals of calls: wrong ones, one for many calls, and reasons of any kind. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { afterEach, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Circuit } from '../../src/client/circuit.ts';
import { TlsmgrClient } from '../../src/client/client.ts';
import { Link } from '../../src/client/link.ts';
import { seedQuestion } from '../../src/client/questions.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { ScriptedServer } from './scripted-server.ts';

const forever = 600_000;

let undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of undo) {
    await one();
  }
  undo = [];
});

async function serve(): Promise<ScriptedServer> {
  const server = await ScriptedServer.start({
    asked: ({ reply }) => reply('status', '0', 'session', 'QUJD', 'seed', 'QQ=='),
  });
  undo.push(() => server.stop());
  return server;
}

async function clientOfOne(): Promise<TlsmgrClient> {
  const { path } = await serve();
  const client = new TlsmgrClient({ socketPath: path, deadlineMs: forever });
  undo.push(() => client.close());
  return client;
}

const timers = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('a signal that is none', () => {
  test('is a RangeError, and no timer goes on', async () => {
    const client = await clientOfOne();
    const before = timers();
    for (const signal of [new AbortController(), {}, 'abort', 5]) {
      await assert.rejects(client.lookup('smtp', 'id', { signal: signal as never }), RangeError);
    }
    assert.equal(timers(), before);
    assert.equal((await client.lookup('smtp', 'id'))?.toString(), 'ABC');
  });

  test('that shows only when it is used changes nothing, and is no trial', async () => {
    const server = await serve();
    const clock = { ms: 0 };
    const circuit = new Circuit(
      () => clock.ms,
      () => 0,
    );
    const options = { announcement: true, deadlineMs: forever, maxWaiting: 10 };
    const link = new Link({ socketPath: server.path, ...options }, circuit);
    undo.push(() => link.close());
    for (let count = 0; count < 3; count += 1) {
      circuit.failed();
    }
    clock.ms = 100;
    const before = timers();
    const signal = {
      aborted: false,
      addEventListener() {
        throw new Error('this one listens to nobody');
      },
    };
    assert.throws(
      () => link.ask(seedQuestion(1), { signal: signal as never }),
      /listens to nobody/u,
    );
    assert.deepEqual([timers(), circuit.state, link.state], [before, 'open', 'idle']);
    assert.equal((await link.ask(seedQuestion(1), undefined)).length, 1);
    assert.equal(circuit.state, 'closed');
  });
});

test('one signal for many calls has one listener, and none when they are over', async () => {
  const client = await clientOfOne();
  const warnings: Error[] = [];
  const warned = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warned);
  undo.push(() => process.off('warning', warned));
  const { signal } = new AbortController();
  const calls = Array.from({ length: 100 }, () => client.lookup('smtp', 'id', { signal }));
  await turn();
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  await Promise.all(calls);
  await turn();
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  assert.deepEqual(warnings, []);
});

test('a signal ends every call that has it, also of several clients, and no other', async () => {
  const clients = [await clientOfOne(), await clientOfOne()];
  const stop = new AbortController();
  const stopped = clients.flatMap((client) => [
    client.seed(1, { signal: stop.signal }),
    client.lookup('smtp', 'id', { signal: stop.signal }),
  ]);
  const other = clients[0]!.seed(1);
  const reason = new Error('no longer wanted');
  stop.abort(reason);
  for (const one of stopped) {
    await assert.rejects(one, reason);
  }
  assert.equal((await other).length, 1);
  assert.equal(clients[0]!.trouble, undefined);
});

test('a reason that is a TlsmgrError is no miss', async () => {
  const client = await clientOfOne();
  const reason = new TlsmgrError('UNAVAILABLE', 'no longer wanted');
  const stop = new AbortController();
  const { signal } = stop;
  const calls = [
    client.lookup('smtp', 'id', { signal }),
    client.update('smtp', 'id', Buffer.from('session'), { signal }),
    client.delete('smtp', 'id', { signal }),
  ];
  stop.abort(reason);
  calls.push(client.lookup('smtp', 'id', { signal }));
  for (const call of calls) {
    await assert.rejects(call, (thrown) => thrown === reason);
  }
});
