/**
 * What this part relies on in node:tls, on the side of servers: a change in Node
 * is a red test here. Nothing of ours is used.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { Server, type TlsOptions } from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, test } from 'node:test';
import { certificate } from '../postfix/certificate.ts';
import {
  chain,
  greet,
  listening,
  portOf,
  startServer,
  type Version,
  versions,
  visit,
} from './handshakes.ts';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function serve(options: TlsOptions = {}): Promise<Server> {
  const server = await startServer(options);
  servers.push(server);
  return server;
}

/** Keeps sessions by id, as a server with the two events does. */
function keepIds(server: Server) {
  const sessions = new Map<string, Buffer>();
  const counts = { newSession: 0, resumeSession: 0 };
  const ids = new Set<string>();
  server.on('newSession', (id: Buffer, session: Buffer, done: () => void) => {
    counts.newSession += 1;
    sessions.set(id.toString('hex'), session);
    done();
  });
  server.on(
    'resumeSession',
    (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) => {
      counts.resumeSession += 1;
      ids.add(id.toString('hex'));
      done(null, sessions.get(id.toString('hex')) ?? null);
    },
  );
  return { sessions, counts, ids };
}

const noTicket = { secureOptions: constants.SSL_OP_NO_TICKET };

describe('tls.Server of Node', () => {
  test('1.2 without tickets and without listeners never resumes', async () => {
    const port = portOf(await serve(noTicket));
    assert.deepEqual(await chain([port, port], 'TLSv1.2'), [false, false]);
  });

  test('1.2 without tickets resumes by id, each event once, and after setTicketKeys', async () => {
    const server = await serve(noTicket);
    const { counts } = keepIds(server);
    const port = portOf(server);
    const first = await visit(port, 'TLSv1.2');
    assert.equal(counts.newSession, 1);
    assert.ok(counts.resumeSession <= 1);
    assert.equal((await visit(port, 'TLSv1.2', first.session)).resumed, true);
    server.setTicketKeys(randomBytes(48));
    assert.equal((await visit(port, 'TLSv1.2', first.session)).resumed, true);
  });

  test('1.2 with tickets fires no newSession, and resumes', async () => {
    const server = await serve();
    const { counts } = keepIds(server);
    const port = portOf(server);
    assert.deepEqual(await chain([port, port], 'TLSv1.2'), [false, true]);
    assert.equal(counts.newSession, 0);
  });

  test('1.3 with tickets fires newSession twice and resumeSession with a random id', async () => {
    const server = await serve();
    const { counts, sessions, ids } = keepIds(server);
    const port = portOf(server);
    const { session, sessions: tickets } = await visit(port, 'TLSv1.3');
    assert.equal(tickets.length, 2);
    assert.deepEqual(counts, { newSession: 2, resumeSession: 1 });
    assert.ok([...ids].every((id) => !sessions.has(id)));
    assert.equal((await visit(port, 'TLSv1.3', session)).resumed, true);
  });

  test('a client that can 1.3 sends a random id to a server of 1.2 too', async () => {
    const server = await serve({ maxVersion: 'TLSv1.2' });
    const { counts, ids } = keepIds(server);
    const got = await visit(portOf(server), 'TLSv1.2', undefined, { maxVersion: 'TLSv1.3' });
    assert.deepEqual([got.protocol, counts], ['TLSv1.2', { newSession: 0, resumeSession: 1 }]);
    assert.match([...ids].join(), /^[0-9a-f]{64}$/u);
  });

  test('1.3 without tickets never resumes, listeners or not', async () => {
    const server = await serve(noTicket);
    const { counts } = keepIds(server);
    const port = portOf(server);
    assert.deepEqual(await chain([port, port], 'TLSv1.3'), [false, false]);
    assert.ok(counts.newSession >= 2);
  });

  test('a resumed 1.3 connection gets no new ticket', async () => {
    const port = portOf(await serve());
    const { session } = await visit(port, 'TLSv1.3');
    const again = await visit(port, 'TLSv1.3', session);
    assert.deepEqual([again.resumed, again.sessions.length], [true, 0]);
  });

  for (const version of versions) {
    test(`${version}: setTicketKeys ends what was sealed before`, async () => {
      const server = await serve();
      const { session } = await visit(portOf(server), version);
      server.setTicketKeys(randomBytes(48));
      assert.equal((await visit(portOf(server), version, session)).resumed, false);
    });

    test(`${version}: setSecureContext draws other keys`, async () => {
      const server = await serve();
      const { session } = await visit(portOf(server), version);
      const pem = await certificate();
      server.setSecureContext({ key: pem, cert: pem });
      assert.equal((await visit(portOf(server), version, session)).resumed, false);
    });

    test(`${version}: setSecureContext goes back to the keys of the constructor`, async () => {
      const pem = await certificate();
      const server = await serve({ ticketKeys: randomBytes(48) });
      const old = await visit(portOf(server), version);
      server.setTicketKeys(randomBytes(48));
      const newer = await visit(portOf(server), version);
      server.setSecureContext({ key: pem, cert: pem });
      assert.equal((await visit(portOf(server), version, newer.session)).resumed, false);
      assert.equal((await visit(portOf(server), version, old.session)).resumed, true);
    });

    test(`${version}: 48 zero bytes are taken as keys`, async () => {
      const [one, two] = [await serve(), await serve()];
      [one, two].forEach((server) => server.setTicketKeys(Buffer.alloc(48)));
      assert.deepEqual(await chain([portOf(one), portOf(two)], version), [false, true]);
    });

    test(`${version}: the session id context of a process is one for all servers`, async () => {
      const ticketKeys = randomBytes(48);
      const ports = [portOf(await serve({ ticketKeys })), portOf(await serve({ ticketKeys }))];
      assert.deepEqual(await chain(ports, version), [false, true]);
      const apart = [
        portOf(await serve({ ticketKeys, sessionIdContext: 'one' })),
        portOf(await serve({ ticketKeys, sessionIdContext: 'other' })),
      ];
      assert.deepEqual(await chain(apart, version), [false, false]);
    });

    test(`${version}: a context for a host name has the server's own ticket keys`, async () => {
      const server = await serve({ ticketKeys: randomBytes(48) });
      const pem = await certificate();
      server.addContext('mx.example', { key: pem, cert: pem, ticketKeys: Buffer.alloc(48, 1) });
      const plain = await serve({ ticketKeys: server.getTicketKeys() });
      const { session } = await visit(portOf(server), version);
      assert.equal((await visit(portOf(plain), version, session)).resumed, true);
    });

    test(`${version}: a late answer to resumeSession is fine, an error ends the connection`, async () => {
      const late = await serve(noTicket);
      late.on('resumeSession', (_id: Buffer, done: (error: null, session: null) => void) => {
        setTimeout(() => done(null, null), 20);
      });
      assert.equal((await visit(portOf(late), version)).protocol, version);
      const failing = await serve(noTicket);
      failing.on('resumeSession', (_id: Buffer, done: (error: Error, session: null) => void) => {
        done(new Error('injected'), null);
      });
      if (await asksForId(version)) {
        await assert.rejects(visit(portOf(failing), version));
      }
    });

    test(`${version}: a resumeSession that is never answered hangs`, async () => {
      const server = await serve(noTicket);
      const sockets: Socket[] = [];
      server.on('connection', (socket: Socket) => void sockets.push(socket));
      const asked = once(server, 'resumeSession');
      if (!(await asksForId(version))) {
        return;
      }
      const going = visit(portOf(server), version);
      going.catch(() => {});
      await asked;
      const first = await Promise.race([going.then(() => 'ended'), pause(100, 'hangs')]);
      sockets.forEach((socket) => socket.destroy());
      assert.equal(first, 'hangs');
    });

    test(`${version}: the timeout is 7200 s, whatever the documentation says`, async () => {
      const { session } = await visit(portOf(await serve()), version);
      // [9] EXPLICIT: what the ticket says of its life.
      assert.match(session!.toString('hex'), /a90402021c20/u);
    });
  }

  test('1.3: a late answer to newSession costs who ends at once tickets and answer, before Node 26', async () => {
    const pem = await certificate();
    const server = new Server({ key: pem, cert: pem }, (socket) => {
      socket.on('error', () => {});
      socket.resume();
      socket.end('!');
    });
    server.on('newSession', (_id: Buffer, _session: Buffer, done: () => void) => {
      setTimeout(done, 20);
    });
    servers.push(await listening(server));
    const going = visit(portOf(server), 'TLSv1.3');
    if (Number.parseInt(process.versions.node, 10) < 26) {
      await assert.rejects(going, /without an answer/u);
    } else {
      assert.equal((await going).sessions.length, 2);
    }
  });

  test('an https server is a tls.Server', async () => {
    const pem = await certificate();
    const server = createHttpsServer({ key: pem, cert: pem });
    assert.ok(server instanceof Server);
  });
});

/** Clients of TLS 1.3 send a random id, and those of 1.2 none that is new. */
async function asksForId(version: Version): Promise<boolean> {
  const server = await listening(
    new Server({ ...noTicket, key: await certificate(), cert: await certificate() }, greet),
  );
  servers.push(server);
  const { counts } = keepIds(server);
  await visit(portOf(server), version);
  return counts.resumeSession > 0;
}
