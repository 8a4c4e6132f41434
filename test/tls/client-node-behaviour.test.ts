/**
 * What this part relies on in node:tls, on the side of clients: a change in Node
 * is a red test here. Nothing of ours is used.
 */
import assert from 'node:assert/strict';
import { connect as connectTcp } from 'node:net';
import { once } from 'node:events';
import { Agent, get } from 'node:https';
import { lookup } from 'node:dns';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type ConnectionOptions, type Server, type TLSSocket } from 'node:tls';
import { afterEach, before, describe, test } from 'node:test';
import type { Authority } from './authority.ts';
import { httpsServer } from './client-servers.ts';
import { authority, only, plainVisit, portOf, serverFor, talk } from './client-visits.ts';
import { type Version, versions } from './handshakes.ts';

/** Lines of Node that put the verified name before OpenSSL's bytes. */
const major = Number(process.versions.node.split('.')[0]);
const isWrapped = ![20, 25].includes(major);

let a: Authority;
let b: Authority;
before(async () => {
  [a, b] = await Promise.all([authority('a.test'), authority('b.test')]);
});

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function serve(): Promise<number> {
  const server = await serverFor('a.test');
  servers.push(server);
  return portOf(server);
}

function to(port: number, version: Version): ConnectionOptions {
  return { host: '127.0.0.1', servername: 'a.test', port, ca: a.ca, ...only(version) };
}

function raw(session: Buffer): Buffer {
  return isWrapped ? session.subarray(session.indexOf(Buffer.from([0x30, 0x82]))) : session;
}

describe('a client of Node', () => {
  for (const version of versions) {
    test(`${version}: the session event gives ${isWrapped ? 'a wrapper' : 'DER'}`, async () => {
      const { sessions } = await plainVisit(to(await serve(), version));
      assert.equal(sessions.length, version === 'TLSv1.3' ? 2 : 1);
      const start = sessions[0]!.subarray(0, 22).toString('latin1');
      assert.equal(start === '\0nodejs:tls:session:1\0', isWrapped);
      assert.equal(raw(sessions[0]!)[0], 0x30);
    });

    test(`${version}: DER is ${isWrapped ? 'ignored' : 'resumed'} on a verified connection`, async () => {
      const port = await serve();
      const { sessions } = await plainVisit(to(port, version));
      const session = raw(sessions[0]!);
      const { resumed } = await plainVisit({ ...to(port, version), session });
      assert.equal(resumed, !isWrapped);
    });

    test(`${version}: a.test's session at b.test is ${isWrapped ? 'ignored' : 'authorized'}`, async () => {
      const port = await serve();
      const { sessions } = await plainVisit(to(port, version));
      const wrong = { ...to(port, version), servername: 'b.test', session: sessions[0]! };
      if (isWrapped) {
        await assert.rejects(plainVisit(wrong), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      } else {
        const { resumed, authorized } = await plainVisit(wrong);
        assert.deepEqual([resumed, authorized], [true, true]);
      }
    });

    test(`${version}: a session of one authority is authorized for who trusts another`, async () => {
      const port = await serve();
      const { sessions } = await plainVisit(to(port, version));
      const other = { ...to(port, version), ca: b.ca, session: sessions[0]! };
      const { resumed, authorized } = await plainVisit(other);
      assert.deepEqual([resumed, authorized], [true, true]);
    });

    test(`${version}: a resumed connection doesn't call checkServerIdentity`, async () => {
      const port = await serve();
      const { sessions } = await plainVisit(to(port, version));
      const { resumed } = await plainVisit({
        ...to(port, version),
        session: sessions[0]!,
        checkServerIdentity: () => assert.fail('called'),
      });
      assert.equal(resumed, true);
    });

    test(`${version}: an unverified session doesn't become verified`, async () => {
      const port = await serve();
      const lax = { ...to(port, version), ca: b.ca, rejectUnauthorized: false };
      const { sessions } = await plainVisit(lax);
      const again = await plainVisit({ ...lax, session: sessions[0]! });
      assert.deepEqual([again.resumed, again.authorized], [true, false]);
    });

    test(`${version}: a resumed client has no peer certificate`, async () => {
      const port = await serve();
      const { sessions } = await plainVisit(to(port, version));
      const socket = connect({ ...to(port, version), session: sessions[0]! });
      await once(socket, 'secureConnect');
      assert.deepEqual(socket.getPeerCertificate(), {});
      assert.equal(await talk(socket), true);
    });

    test(`${version}: garbage as a session makes a full handshake`, async () => {
      const session = Buffer.from('no session at all');
      const { resumed } = await plainVisit({ ...to(await serve(), version), session });
      assert.equal(resumed, false);
    });

    test(`${version}: setSession counts until lookup has answered`, async () => {
      const port = await serve();
      const options = { ...to(port, version), host: 'localhost' };
      const { sessions } = await plainVisit(options);
      const socket = connect({
        ...options,
        lookup: (name, how, found) => {
          setTimeout(() => {
            setSession(socket, sessions[0]!);
            socket.on('connectionAttempt', () => setSession(socket, sessions[0]!));
            lookup(name, how, found as never);
          }, 5);
        },
      });
      await once(socket, 'secureConnect');
      assert.equal(await talk(socket), true);
    });

    test(`${version}: over a socket that is connecting the handshake waits for 'connect'`, async () => {
      const port = await serve();
      const { sessions } = await plainVisit(to(port, version));
      const tcp = connectTcp(port, '127.0.0.1');
      await once(tcp, 'connect');
      const state = tcp as { connecting: boolean };
      state.connecting = true;
      const socket = connect({ ...to(port, version), socket: tcp });
      state.connecting = false;
      assert.equal(socket.connecting, true);
      await pause(5);
      setSession(socket, sessions[0]!);
      (socket as { connecting: boolean }).connecting = false;
      socket.emit('connect');
      await once(socket, 'secureConnect');
      assert.equal(await talk(socket), true);
    });
  }

  test(`an https.Agent ${isWrapped ? 'keeps to' : 'resumes past'} a request's own checkServerIdentity`, async () => {
    const server = await httpsServer(a);
    const agent = new Agent({ ca: a.ca });
    const base = { host: '127.0.0.1', servername: 'a.test', port: server.port, agent };
    const visit = (more: object): Promise<void> =>
      new Promise((resolve, reject) => {
        get({ ...base, ...more }, (response) => void response.resume().on('close', resolve)).on(
          'error',
          reject,
        );
      });
    await visit({});
    const pinned = visit({ checkServerIdentity: () => new Error('pinned') });
    await (isWrapped ? assert.rejects(pinned, /pinned/u) : pinned);
    server.close();
  });
});

function setSession(socket: TLSSocket, session: Buffer): void {
  (socket as unknown as { setSession(one: Buffer): void }).setSession(session);
}
