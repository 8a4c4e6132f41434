import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import type { Server } from 'node:tls';
import { afterEach, describe, test } from 'node:test';
import type { ShareOptions } from '../../src/tls/share-options.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';
import { chain, portOf, startServer, versions, visit } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

const noTicket = { secureOptions: constants.SSL_OP_NO_TICKET };
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) {
    await end();
  }
});

function setUp() {
  const clock = testClock();
  const tlsmgr = new TlsmgrDouble(clock);
  const share = async (options: Partial<ShareOptions> = {}, serverOptions: object = noTicket) => {
    const server = await startServer(serverOptions);
    const sharing = new Sharing(
      server,
      tlsmgr,
      { scope: 'web', sessionIds: true, ...options },
      clock,
    );
    ends.push(
      () => sharing[Symbol.asyncDispose](),
      () => server.close(),
    );
    await sharing.ready;
    return { server, sharing, port: portOf(server) };
  };
  return { tlsmgr, share };
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('sessions by id', () => {
  test('are resumed by another process', async () => {
    const { share } = setUp();
    const [one, two] = [await share(), await share()];
    assert.deepEqual(await chain([one.port, two.port, one.port], 'TLSv1.2'), [false, true, true]);
    assert.equal(one.sharing.stats().sessionIds!.stored, 1);
    assert.equal(two.sharing.stats().sessionIds!.hits, 1);
  });

  test('are not resumed in another scope', async () => {
    const { share } = setUp();
    const [one, two] = [await share(), await share({ scope: 'api' })];
    assert.deepEqual(await chain([one.port, two.port], 'TLSv1.2'), [false, false]);
  });

  test('are not resumed in another scope whose entry is forged from this one', async () => {
    const { share, tlsmgr } = setUp();
    const [one, two] = [await share(), await share({ scope: 'api' })];
    const { session } = await visit(one.port, 'TLSv1.2');
    const [stored] = tlsmgr.sessions.values();
    tlsmgr.lookup = () => Promise.resolve(stored);
    assert.equal((await visit(two.port, 'TLSv1.2', session)).resumed, false);
  });

  test('of TLS 1.3 are never stored: nobody looks them up', async () => {
    const { share, tlsmgr } = setUp();
    const { port } = await share({}, {});
    assert.deepEqual(await chain([port, port], 'TLSv1.3'), [false, true]);
    assert.equal(tlsmgr.sessions.size, 0);
  });

  for (const version of versions) {
    test(`${version}: a tlsmgr that is away, silent or mad costs no handshake`, async () => {
      const { share, tlsmgr } = setUp();
      const { port, sharing } = await share({ sessionIds: { deadlineMs: 20 } });
      const { session } = await visit(port, version);
      for (const is of ['away', 'silent'] as const) {
        tlsmgr.is = is;
        assert.equal((await visit(port, version, session)).resumed, false);
      }
      tlsmgr.is = 'ours';
      tlsmgr.lookup = () => Promise.resolve(Buffer.from('no session'));
      assert.equal((await visit(port, version, session)).resumed, false);
      tlsmgr.lookup = () => Promise.resolve('text' as never);
      assert.equal((await visit(port, version, session)).resumed, false);
      assert.ok(sharing.stats().sessionIds!.late > 0 || version === 'TLSv1.2');
    });
  }

  test('a look-up waits for 50 ms unless told otherwise', async (t) => {
    const { share, tlsmgr } = setUp();
    const { server, sharing } = await share();
    tlsmgr.is = 'silent';
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const answers: unknown[] = [];
    server.emit(
      'resumeSession',
      Buffer.alloc(32),
      (...answer: unknown[]) => void answers.push(answer),
    );
    t.mock.timers.tick(49);
    await turn();
    assert.deepEqual(answers, []);
    t.mock.timers.tick(1);
    await turn();
    assert.deepEqual(answers, [[null, null]]);
    assert.equal(sharing.stats().sessionIds!.late, 1);
  });

  test('a hundred are stored at one time, more are dropped', async () => {
    const { share, tlsmgr } = setUp();
    const { server, sharing } = await share();
    tlsmgr.is = 'silent';
    let answered = 0;
    for (let count = 0; count < 105; count += 1) {
      server.emit(
        'newSession',
        Buffer.alloc(32, count),
        Buffer.from('a session'),
        () => (answered += 1),
      );
    }
    server.emit('newSession', Buffer.alloc(32), Buffer.alloc(65_537), () => (answered += 1));
    assert.equal(answered, 106);
    assert.equal(sharing.stats().sessionIds!.dropped, 6);
  });

  test('a client that answers anything, or throws, ends no handshake and no process', async () => {
    const { share, tlsmgr } = setUp();
    const { port, sharing } = await share();
    const { session } = await visit(port, 'TLSv1.2');
    const answers: (() => unknown)[] = [
      () => undefined,
      () => 'text',
      () => Object.create(Buffer.prototype),
      () => new Uint8Array(5),
      () => {
        throw new Error('at once');
      },
    ];
    for (const answer of answers) {
      tlsmgr.lookup = answer as never;
      tlsmgr.update = answer as never;
      assert.equal((await visit(port, 'TLSv1.2', session)).resumed, false);
    }
    const { stored, dropped } = sharing.stats().sessionIds!;
    assert.equal(stored + dropped, 1 + answers.length);
  });

  test('a server with a listener of its own is refused, as two answers end a connection', async () => {
    const { tlsmgr } = setUp();
    const server: Server = await startServer();
    ends.push(() => server.close());
    server.on('resumeSession', () => {});
    assert.throws(
      () => new Sharing(server, tlsmgr, { scope: 'web', sessionIds: true }, testClock()),
      { code: 'REFUSED' },
    );
  });
});
