/** Every kind of server that shareSessions takes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { createSecureContext, type SecureContext, type Server, TLSSocket } from 'node:tls';
import { afterEach, describe, test } from 'node:test';
import { shareSessions } from '../../src/tls/index.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';
import type { ShareTarget } from '../../src/tls/target.ts';
import { certificate } from '../postfix/certificate.ts';
import { greet, listening, portOf, type Version, versions, visit } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) {
    await end();
  }
});

interface Kind {
  target: ShareTarget;
  port: number;
  /** As for another certificate. */
  replace?: () => void;
}

async function tlsKind(server: Server, pem: string): Promise<Kind> {
  // The bytes of the test are no HTTP.
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', greet);
  await listening(server);
  ends.push(() => server.close());
  return {
    target: server,
    port: portOf(server),
    replace: () => server.setSecureContext({ key: pem, cert: pem }),
  };
}

/** As smtp-server does it: a socket of its own for each client, from the context `*`. */
class SmtpLike {
  secureContext = new Map<string, SecureContext>();
  readonly options: { key: string; cert: string };

  constructor(pem: string) {
    this.options = { key: pem, cert: pem };
    this.updateSecureContext();
  }

  updateSecureContext(options: object = {}): void {
    Object.assign(this.options, options);
    this.secureContext = new Map([['*', createSecureContext(this.options)]]);
  }
}

async function upgrading(contextOf: () => SecureContext): Promise<number> {
  const server = createNetServer((socket) => {
    greet(new TLSSocket(socket, { isServer: true, secureContext: contextOf() }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const kinds: Record<string, (pem: string) => Promise<Kind>> = {
  https: (pem) => tlsKind(createHttpsServer({ key: pem, cert: pem }), pem),
  http2: (pem) => tlsKind(createSecureServer({ key: pem, cert: pem }), pem),
  'smtp-server': async (pem) => {
    const target = new SmtpLike(pem);
    const port = await upgrading(() => target.secureContext.get('*')!);
    return { target, port, replace: () => target.updateSecureContext({ key: pem }) };
  },
  SecureContext: async (pem) => {
    const target = createSecureContext({ key: pem, cert: pem });
    return { target, port: await upgrading(() => target) };
  },
};

for (const [name, make] of Object.entries(kinds)) {
  describe(`sharing on ${name}`, () => {
    for (const keys of ['ring', 'single'] as const) {
      for (const version of versions) {
        test(`${keys}, ${version}: resumed by another one, after a change of the certificate too`, async () => {
          const pem = await certificate();
          const clock = testClock();
          const tlsmgr = new TlsmgrDouble(clock);
          const shared: Kind[] = [];
          for (const _ of [1, 2]) {
            const kind = await make(pem);
            const sharing = new Sharing(kind.target, tlsmgr, { scope: 'any', keys }, clock);
            ends.push(() => sharing[Symbol.asyncDispose]());
            await sharing.ready;
            assert.equal(sharing.mode, keys);
            shared.push(kind);
          }
          const [one, two] = shared as [Kind, Kind];
          await seesResumption(one, two, version);
          one.replace?.();
          two.replace?.();
          await seesResumption(one, two, version);
        });
      }
    }
  });
}

async function seesResumption(one: Kind, two: Kind, version: Version): Promise<void> {
  const options = { ALPNProtocols: [] };
  const { session, resumed } = await visit(one.port, version, undefined, options);
  assert.equal(resumed, false);
  assert.equal((await visit(two.port, version, session, options)).resumed, true);
}

test('a server that is shared already is refused, until that ends', async () => {
  const pem = await certificate();
  const target = createSecureContext({ key: pem, cert: pem });
  const share = () => shareSessions(target, new TlsmgrDouble(testClock()), { scope: 'x' });
  const first = share();
  assert.throws(share, { code: 'REFUSED' });
  await first[Symbol.asyncDispose]();
  await share()[Symbol.asyncDispose]();
});

test('what is no server is refused', () => {
  assert.throws(
    () => shareSessions({} as never, new TlsmgrDouble(testClock()), { scope: 'x' }),
    TypeError,
  );
});
