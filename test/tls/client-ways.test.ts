/** Each way of ClientSessions into a program: resumed of 5 connections, without and with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { Agent as HttpsAgent, get } from 'node:https';
import { afterEach, before, describe, test } from 'node:test';
import nodemailer from 'nodemailer';
import { Agent, buildConnector, Client, request } from 'undici';
import { ClientSessions } from '../../src/tls/client/client-sessions.ts';
import type { Authority } from './authority.ts';
import { CacheDouble, Told } from './client-double.ts';
import { type Counting, http2Server, httpsServer, smtpServer } from './client-servers.ts';
import { authority } from './client-visits.ts';

let local: Authority;
before(async () => {
  local = await authority('localhost');
});

const servers: Counting[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

type Visit = (port: number) => Promise<void>;

function visitHttps(agent: HttpsAgent): Visit {
  return (port) =>
    new Promise((resolve, reject) => {
      const asked = get({ host: 'localhost', port, agent }, (response) => {
        response.resume().on('close', resolve);
      });
      asked.on('error', reject);
    });
}

/** A new Agent for each request, as programs that make short-lived ones have it. */
function visitUndici(connect: object): Visit {
  return async (port) => {
    const dispatcher = new Agent({ connect });
    const { body } = await request(`https://localhost:${port}/`, { dispatcher });
    await body.text();
    await dispatcher.close();
  };
}

async function visitHttp2(session: ClientHttp2Session): Promise<void> {
  const stream = session.request({ ':path': '/' }).resume();
  await once(stream, 'close');
  session.close();
  await once(session, 'close');
}

async function sendMail(options: object): Promise<void> {
  const transport = nodemailer.createTransport({ host: 'localhost', ...options });
  await transport.sendMail({ from: 'a@localhost', to: 'b@localhost', text: 'one' });
  transport.close();
}

interface Way {
  serve: () => Promise<Counting>;
  /** Resumed of 5 by Node and the package alone. */
  without: number;
  plain: () => Visit;
  using: (sessions: ClientSessions) => Visit;
}

const ca = (): { ca: string } => ({ ca: local.ca });

const ways: Record<string, Way> = {
  'https.Agent': {
    serve: () => httpsServer(local),
    without: 4,
    plain: () => visitHttps(new HttpsAgent(ca())),
    using: (sessions) => visitHttps(sessions.agent(ca())),
  },
  'https.Agent, a new one for each request': {
    serve: () => httpsServer(local),
    without: 0,
    plain: () => (port) => visitHttps(new HttpsAgent(ca()))(port),
    using: (sessions) => (port) => visitHttps(sessions.agent(ca()))(port),
  },
  'undici Agent': {
    serve: () => httpsServer(local),
    without: 0,
    plain: () => visitUndici(ca()),
    using: (sessions) => visitUndici(sessions.undici(buildConnector, ca())),
  },
  'http2.connect': {
    serve: () => http2Server(local),
    without: 0,
    plain: () => (port) => visitHttp2(connectHttp2(`https://localhost:${port}`, ca())),
    using: (sessions) => (port) => {
      const createConnection = sessions.http2(ca());
      return visitHttp2(connectHttp2(`https://localhost:${port}`, { createConnection }));
    },
  },
  'nodemailer, port 465': {
    serve: () => smtpServer(local, true),
    without: 0,
    plain: () => (port) => sendMail({ port, secure: true, tls: ca() }),
    using: (sessions) => (port) =>
      sendMail(sessions.nodemailer({ host: 'localhost', port, secure: true, tls: ca() })),
  },
};

describe('resumed of 5 connections:', () => {
  for (const [name, { serve, without, plain, using }] of Object.entries(ways)) {
    test(`${name}: ${without} without, 4 with ClientSessions, 5 in a new process`, async () => {
      const server = await serve();
      servers.push(server);
      const count = async (visit: Visit): Promise<number> => {
        server.resumed.length = 0;
        for (let time = 0; time < 5; time += 1) {
          await visit(server.port);
        }
        return server.resumed.filter(Boolean).length;
      };
      const cache = new CacheDouble();
      const process = (): ClientSessions => new ClientSessions(cache, { scope: 'test' });
      assert.equal(await count(plain()), without);
      assert.equal(await count(using(process())), 4);
      assert.equal(await count(using(process())), 5);
    });
  }

  test('undici Client: with ClientSessions too', async () => {
    const server = await httpsServer(local);
    servers.push(server);
    const sessions = new ClientSessions(new CacheDouble(), { scope: 'test' });
    const connect = sessions.undici(buildConnector, ca());
    for (let time = 0; time < 2; time += 1) {
      const client = new Client(`https://localhost:${server.port}`, { connect });
      const { body } = await client.request({ path: '/', method: 'GET' });
      await body.text();
      await client.close();
    }
    assert.deepEqual(server.resumed, [false, true]);
  });
});

describe('a connection that fails', () => {
  test('rejects as it does without ClientSessions', async () => {
    const server = await httpsServer(local);
    server.close();
    const sessions = new ClientSessions(new CacheDouble(), { scope: 'test' });
    const refused = { code: 'ECONNREFUSED' };
    await assert.rejects(visitHttps(sessions.agent(ca()))(server.port), refused);
    await assert.rejects(
      visitUndici(sessions.undici(buildConnector, ca()))(server.port),
      (error: Error & { code?: string }) => error.code === 'ECONNREFUSED',
    );
    const mail = { port: server.port, host: 'localhost', secure: true, tls: ca() };
    await assert.rejects(sendMail(sessions.nodemailer(mail)));
  });

  test('with options that Node does not take', async () => {
    const sessions = new ClientSessions(new CacheDouble(), { scope: 'test' });
    const wrong = { code: 'ERR_TLS_INVALID_PROTOCOL_VERSION' };
    const options = { ...ca(), minVersion: 'none' as 'TLSv1.2' };
    await assert.rejects(visitHttps(sessions.agent(options))(1), wrong);
    await assert.rejects(sessions.connect({ port: 1, ...options }), wrong);
    await assert.rejects(visitUndici(sessions.undici(buildConnector, options))(1), wrong);
  });
});

describe('the channel tlsmgr.client.session', () => {
  test('tells what is stored, offered, resumed and refused, and why', async () => {
    const server = await httpsServer(local);
    servers.push(server);
    const told = new Told();
    const sessions = new ClientSessions(new CacheDouble(), { scope: 'mine' });
    const visit = visitHttps(sessions.agent(ca()));
    await visit(server.port);
    await visit(server.port);
    const pinned = sessions.agent({ ...ca(), checkServerIdentity: () => undefined });
    await visitHttps(pinned)(server.port);
    told.end();
    assert.deepEqual(told.events, [
      'stored',
      'stored',
      'offered',
      'resumed',
      'refused: unnamed policy',
    ]);
    assert.deepEqual(told.messages[0], {
      scope: 'mine',
      destination: `localhost:${server.port}`,
      event: 'stored',
    });
  });
});
