/** Sessions of a program's own connections: kept, found, offered, in which order. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Server } from 'node:tls';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import {
  ClientSessions,
  type ClientSessionsOptions,
} from '../../src/tls/client/client-sessions.ts';
import { HeldSessions } from '../../src/tls/client/held-sessions.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';
import { type Authority } from './authority.ts';
import { CacheDouble, Told } from './client-double.ts';
import { authority, only, portOf, serverFor, talk, visitBy } from './client-visits.ts';
import { type Version, versions } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

let here: Authority;
before(async () => {
  here = await authority('localhost');
});

let cache: CacheDouble;
let told: Told;
const servers: Server[] = [];
beforeEach(() => {
  cache = new CacheDouble();
  told = new Told();
});
afterEach(() => {
  told.end();
  servers.splice(0).forEach((server) => server.close());
});

async function serve(options: object = {}): Promise<number> {
  const server = await serverFor('localhost', options);
  servers.push(server);
  return portOf(server);
}

/** As another process would have it. */
function process(options: Partial<ClientSessionsOptions> = {}): ClientSessions {
  return new ClientSessions(cache, { scope: 'test', ...options });
}

function to(port: number, version: Version = 'TLSv1.3') {
  return { host: '127.0.0.1', servername: 'localhost', port, ca: here.ca, ...only(version) };
}

describe('ClientSessions', () => {
  for (const version of versions) {
    test(`${version}: of five connections four resume`, async () => {
      const port = await serve();
      const sessions = process();
      const resumed = [];
      for (let visit = 0; visit < 5; visit += 1) {
        resumed.push(await visitBy(sessions, to(port, version)));
      }
      assert.deepEqual(resumed, [false, true, true, true, true]);
    });

    test(`${version}: a new process resumes what another has left in tlsmgr`, async () => {
      const port = await serve();
      assert.equal(await visitBy(process(), to(port, version)), false);
      assert.equal(await visitBy(process(), to(port, version)), true);
      const [id] = cache.sessions.keys();
      assert.match(id!, new RegExp(`^127\\.0\\.0\\.1:${port}&[0-9a-f]{64}$`, 'u'));
    });

    for (const is of ['away', 'failing'] as const) {
      test(`${version}: without a tlsmgr (${is}) it resumes in the process`, async () => {
        cache.is = is;
        const port = await serve();
        const sessions = process();
        assert.equal(await visitBy(sessions, to(port, version)), false);
        assert.equal(await visitBy(sessions, to(port, version)), true);
        assert.equal(await visitBy(process(), to(port, version)), false);
      });
    }
  }

  test('a ticket that TLS 1.2 renews is kept, though no event tells of it', async () => {
    const server = await serverFor('localhost');
    servers.push(server);
    const clock = testClock();
    const sharing = new Sharing(server, new TlsmgrDouble(clock), { scope: 'web' }, clock);
    await sharing.ready;
    const port = portOf(server);
    const kept = new Set<string>();
    for (let visit = 0; visit < 3; visit += 1) {
      assert.equal(await visitBy(process(), to(port, 'TLSv1.2')), visit > 0);
      kept.add([...cache.sessions.values()][0]!.toString('base64'));
    }
    await sharing[Symbol.asyncDispose]();
    assert.equal(kept.size, 3);
  });

  test('fresh tickets are offered first, then the last again', async () => {
    const port = await serve();
    const sessions = process();
    await visitBy(sessions, to(port));
    assert.deepEqual(told.events, ['stored', 'stored']);
    cache.sessions.clear();
    for (let visit = 0; visit < 3; visit += 1) {
      assert.equal(await visitBy(sessions, to(port)), true);
    }
    assert.equal(cache.lookups, 1, 'tlsmgr is asked only when there is none here');
  });

  test('never: each session is offered once, in one process only', async () => {
    const port = await serve();
    const options = { reuse: 'never' } as const;
    const [one, other] = [process(options), process(options)];
    // Of the two tickets one goes to tlsmgr, one stays here; resumed ones bring none.
    assert.equal(await visitBy(one, to(port)), false);
    assert.equal(cache.sessions.size, 1);
    assert.deepEqual([await visitBy(one, to(port)), await visitBy(other, to(port))], [true, true]);
    assert.equal(cache.sessions.size, 0);
    assert.equal(await visitBy(one, to(port)), false);
  });

  test('destinations used longest ago are forgotten', async () => {
    cache.is = 'away';
    const ports = [await serve(), await serve()];
    const sessions = process({ maxDestinations: 1 });
    const resumed = [];
    for (const port of [ports[0]!, ports[1]!, ports[1]!, ports[0]!]) {
      resumed.push(await visitBy(sessions, to(port)));
    }
    assert.deepEqual(resumed, [false, false, true, false]);
  });

  test('holds four sessions of a destination, and overwrites the oldest', () => {
    const held = new HeldSessions(4, 10);
    const given = ['1', '2', '3', '4', '5'].map((text) => Buffer.from(text));
    given.forEach((session) => held.keep('one', session));
    const taken = [1, 2, 3, 4, 5].map(() => held.takeFresh('one')?.toString());
    assert.deepEqual(taken, ['5', '4', '3', '2', undefined]);
    assert.deepEqual(given[0], Buffer.alloc(1));
  });

  test('a session that the server refuses is dropped, here and in tlsmgr', async () => {
    const server = await serverFor('localhost');
    servers.push(server);
    const port = portOf(server);
    await visitBy(process(), to(port));
    server.setTicketKeys(Buffer.from('another key of the server, which has 48 bytes...'));
    assert.equal(await visitBy(process(), to(port)), false);
    assert.ok(told.events.includes('refused: server'));
    assert.equal(await visitBy(process(), to(port)), true);
  });

  test('garbage in tlsmgr costs a full handshake', async () => {
    const port = await serve();
    await visitBy(process(), to(port));
    for (const id of cache.sessions.keys()) {
      cache.sessions.set(id, Buffer.from('no session at all'));
    }
    assert.equal(await visitBy(process(), to(port)), false);
    assert.ok(told.events.includes('refused: unreadable'));
  });

  test('a server that is away costs no session', async () => {
    const server = await serverFor('localhost');
    const port = portOf(server);
    await visitBy(process(), to(port));
    server.close();
    await assert.rejects(process().connect(to(port)), { code: 'ECONNREFUSED' });
    assert.equal(cache.sessions.size, 1);
  });

  test('a handshake that fails with a session drops it', async () => {
    const server = await serverFor('localhost');
    const port = portOf(server);
    await visitBy(process(), to(port));
    server.close();
    const breaking = createTcpServer((socket) => {
      socket.on('error', () => {}).once('data', () => void socket.destroy());
    }).listen(port, '127.0.0.1');
    await once(breaking, 'listening');
    await assert.rejects(process().connect(to(port)));
    breaking.close();
    while (!told.events.includes('refused: connection')) {
      await setImmediate();
    }
    assert.equal(cache.sessions.size, 0);
  });

  test('resumes over a socket of the caller: connect and connectNow', async () => {
    const port = await serve();
    const over = async () => {
      const socket = connectTcp(port, '127.0.0.1');
      await once(socket, 'connect');
      return { socket, servername: 'localhost', ca: here.ca };
    };
    assert.equal(await visitBy(process(), await over()), false);
    assert.equal(await visitBy(process(), await over()), true);
    const now = process().connectNow(await over());
    await once(now, 'secureConnect');
    assert.equal(await talk(now), true);
  });

  test('connectNow waits for tlsmgr where the host has a name', async () => {
    const port = await serve();
    const options = { host: 'localhost', port, ca: here.ca };
    assert.equal(await visitBy(process(), options), false);
    const socket = process().connectNow(options);
    await once(socket, 'secureConnect');
    assert.equal(await talk(socket), true);
  });

  test('what was written before the connection stands arrives', async () => {
    const port = await serve();
    await visitBy(process(), { host: 'localhost', port, ca: here.ca });
    const tcp = connectTcp(port, '127.0.0.1');
    await once(tcp, 'connect');
    const over = process().connectNow({ socket: tcp, servername: 'localhost', ca: here.ca });
    const named = process().connectNow({ host: 'localhost', port, ca: here.ca });
    for (const socket of [over, named]) {
      socket.write('?');
      const [answer] = (await once(socket, 'data')) as [Buffer];
      assert.equal(answer.toString(), '!');
      socket.destroy();
    }
  });

  test('a session that the caller gives is left alone', async () => {
    const port = await serve();
    const sessions = process();
    await visitBy(sessions, to(port));
    const socket = sessions.connectNow({ ...to(port), session: Buffer.from('none') });
    await once(socket, 'secureConnect');
    assert.equal(await talk(socket), false);
  });

  test('takes no options that cannot be', () => {
    assert.throws(() => process({ scope: '' }), RangeError);
    assert.throws(() => process({ perDestination: 0 }), RangeError);
    assert.throws(() => process({ maxDestinations: 0.5 }), RangeError);
  });

  test('a disposed one holds no session', async () => {
    cache.is = 'away';
    const port = await serve();
    const sessions = process();
    await visitBy(sessions, to(port));
    await sessions[Symbol.asyncDispose]();
    assert.equal(await visitBy(sessions, to(port)), false);
  });
});
