/** A cache that answers later, through the dispatcher and a connection. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import type { SessionCache } from '../../src/sessions/session-cache.ts';
import { lateCache } from '../contracts/late-cache.ts';
import { TestClock } from '../contracts/session-cache.ts';
import { list } from '../socket/harness.ts';
import { nextTurn, ScriptedTransport, serviceOfTypes } from '../socket/scripted-transport.ts';

const session = Buffer.from('a session').toString('base64');
const ok = list('status', '0');
const notFound = list('status', '4294967295', 'session', '');

const asked = (name: string, ...more: string[]): string =>
  list('request', name, 'cache_type', 'smtp', ...more);
const update = asked('update', 'cache_id', 'an id', 'session', session);
const lookup = asked('lookup', 'cache_id', 'an id');

function memoryCache(): CircularLog {
  return new CircularLog(
    { lifetimeSeconds: 60, sizeLimitBytes: 0, entryLimit: 0, slotBytes: 4096, segmentBytes: 3072 },
    { clock: new TestClock() },
  );
}

/** Calls that a test lets through one by one. */
class Gate {
  readonly #waiting: { pass: () => void; fail: (reason: Error) => void }[] = [];

  wait(): Promise<void> {
    return new Promise((pass, fail) => {
      this.#waiting.push({ pass, fail });
    });
  }

  open(): void {
    this.#waiting.shift()!.pass();
  }

  fail(): void {
    this.#waiting.shift()!.fail(new Error('the network is down'));
  }
}

function setUp(cache: SessionCache, lateAnswerMs?: number) {
  const warnings: string[] = [];
  let answers = 0;
  const service = serviceOfTypes([], {
    caches: { all: [{ label: 'smtp', lifetimeSeconds: 60, cache }] },
    warn: (_kind, text) => void warnings.push(text()),
    lateAnswerMs,
    firstAnswer: () => void (answers += 1),
  });
  const transport = new ScriptedTransport(service);
  /** Sends, and waits for so many replies. */
  const ask = async (text: string, replies = 1): Promise<string> => {
    transport.forgetSent();
    transport.receive(text);
    await sent(replies);
    return transport.sent;
  };
  const sent = async (replies: number): Promise<void> => {
    while (transport.sent.split('\0\0').length <= replies) {
      await nextTurn();
    }
  };
  return { transport, warnings, ask, sent, toldOfFirst: () => answers };
}

describe('a cache that answers later', () => {
  test('answers every request that names it', async () => {
    const { ask, warnings } = setUp(lateCache(memoryCache()));
    assert.equal(await ask(lookup), notFound);
    assert.equal(await ask(update), ok);
    assert.equal(await ask(lookup), list('status', '0', 'session', session));
    const listed = await ask(asked('list', 'cursor', '', 'limit', '10'));
    const [, , name, entries] = listed.split('\0');
    assert.equal(name, 'entries');
    assert.match(entries!, /^\[\{"id":"YW4gaWQ=","bytes":9,/u);
    assert.equal(await ask(asked('delete', 'cache_id', 'an id')), ok);
    assert.equal(await ask(asked('delete', 'cache_id', 'an id')), list('status', '4294967295'));
    assert.equal(await ask(update), ok);
    assert.equal(await ask(asked('flush')), list('status', '0', 'entries', '1'));
    assert.deepEqual(warnings, []);
  });

  test('is asked with what each request has said, however many come at once', async () => {
    const { ask } = setUp(lateCache(memoryCache()));
    const of = (id: string) => asked('update', 'cache_id', id, 'session', btoa(`session ${id}`));
    await ask(of('1') + of('2') + of('3'), 3);
    const found = (id: string) => list('status', '0', 'session', btoa(`session ${id}`));
    const wanted = (id: string) => asked('lookup', 'cache_id', id);
    assert.equal(
      await ask(wanted('3') + wanted('1') + wanted('2'), 3),
      found('3') + found('1') + found('2'),
    );
  });

  test('that takes too long means a miss, and what comes then is dropped', async () => {
    const gate = new Gate();
    const { ask, transport, warnings } = setUp(
      lateCache(memoryCache(), () => gate.wait()),
      1,
    );
    assert.equal(await ask(lookup), notFound);
    assert.deepEqual(warnings, ['"lookup" request failed: no answer within 1 ms']);
    assert.equal(await ask(update), list('status', '4294967295'));
    transport.forgetSent();
    gate.open();
    gate.open();
    await nextTurn();
    assert.equal(transport.sent, '');
    assert.equal(transport.connection.state, 'serving');
  });

  test('that fails means -1, and the next request is served', async () => {
    const gate = new Gate();
    const { transport, sent, warnings } = setUp(lateCache(memoryCache(), () => gate.wait()));
    transport.receive(lookup + update);
    gate.fail();
    await sent(1);
    assert.equal(transport.sent, notFound);
    await nextTurn();
    gate.open();
    await sent(2);
    assert.equal(transport.sent, notFound + ok);
    assert.deepEqual(warnings, ['"lookup" request failed: the network is down']);
  });

  test('counts as the first answer when its reply is written', async () => {
    const gate = new Gate();
    const { transport, sent, toldOfFirst } = setUp(lateCache(memoryCache(), () => gate.wait()));
    transport.receive(lookup);
    await nextTurn();
    assert.equal(toldOfFirst(), 0, 'nobody has been answered');
    gate.open();
    await sent(1);
    assert.equal(toldOfFirst(), 1);
  });

  test('a session that was promised is overwritten once it is in the reply', async () => {
    const buffer = Buffer.from('[a session]');
    const late: SessionCache = {
      ...lateCache(memoryCache()),
      lookup: () => Promise.resolve({ buffer, start: 1, end: 10 }),
    };
    const { ask } = setUp(late);
    assert.equal(await ask(lookup), list('status', '0', 'session', session));
    assert.equal(buffer.toString(), `[${'\0'.repeat(9)}]`);
  });
});
