/** Attacks on the sessions of clients, each of which must fail. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import type { Server } from 'node:tls';
import { afterEach, before, beforeEach, describe, test } from 'node:test';
import { ClientSessions } from '../../src/tls/client/client-sessions.ts';
import { destinationOf, type SessionConnectionOptions } from '../../src/tls/client/destination.ts';
import { faultOf } from '../../src/tls/client/examine.ts';
import type { Authority } from './authority.ts';
import { CacheDouble, Told } from './client-double.ts';
import { authority, only, portOf, serverFor, visitBy } from './client-visits.ts';
import { versions } from './handshakes.ts';

let a: Authority;
let b: Authority;
before(async () => {
  [a, b] = await Promise.all([authority('a.test'), authority('b.test')]);
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

async function serve(options: tls.TlsOptions = {}): Promise<number> {
  const server = await serverFor('a.test', options);
  servers.push(server);
  return portOf(server);
}

function sessions(): ClientSessions {
  return new ClientSessions(cache, { scope: 'test' });
}

function to(port: number): SessionConnectionOptions {
  return { host: '127.0.0.1', servername: 'a.test', port, ca: a.ca };
}

/** Gives one destination's session to another, as who may write to tlsmgr could. */
async function plant(
  from: SessionConnectionOptions,
  into: SessionConnectionOptions,
): Promise<void> {
  await visitBy(sessions(), from);
  const session = cache.sessions.get(destinationOf(from, 'test').id)!;
  cache.sessions.set(destinationOf(into, 'test').id, session);
  told.messages.length = 0;
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

describe('a session', () => {
  for (const version of versions) {
    test(`${version}: of one authority is not offered to who trusts another`, async () => {
      const port = await serve();
      const mine = sessions();
      await visitBy(mine, { ...to(port), ...only(version) });
      const other = { ...to(port), ...only(version), ca: b.ca };
      await assert.rejects(visitBy(mine, other), /self.signed|unable to/u);
      await assert.rejects(visitBy(sessions(), other), /self.signed|unable to/u);
      assert.ok(!told.events.includes('offered'));
    });

    test(`${version}: is not resumed past a checkServerIdentity that pins`, async () => {
      const port = await serve();
      const mine = sessions();
      await visitBy(mine, { ...to(port), ...only(version) });
      const pinned = {
        ...to(port),
        ...only(version),
        checkServerIdentity: () => new Error('another key than the pinned one'),
      };
      await assert.rejects(visitBy(mine, pinned), /pinned/u);
      assert.deepEqual(told.events.slice(-1), ['refused: unnamed policy']);
      const named = { ...pinned, sessionPolicy: 'pin' };
      await plant({ ...to(port), ...only(version) }, named);
      await assert.rejects(visitBy(sessions(), named), /pinned/u);
      assert.ok(told.events.includes('refused: identity'));
      assert.ok(!told.events.includes('offered'));
    });

    test(`${version}: that was not verified does not become verified`, async () => {
      const port = await serve();
      const lax = { ...to(port), ...only(version), ca: b.ca, rejectUnauthorized: false };
      const strict = { ...lax, rejectUnauthorized: true };
      const mine = sessions();
      await visitBy(mine, lax);
      await assert.rejects(visitBy(mine, strict), /self.signed|unable to/u);
      await plant(lax, strict);
      await assert.rejects(visitBy(sessions(), strict), /self.signed|unable to/u);
      assert.ok(told.events.includes('refused: unverified'));
      // Who asked not to verify is told the same on a resumed connection.
      const socket = await mine.connect(lax);
      assert.deepEqual([socket.isSessionReused(), socket.authorized], [true, false]);
      socket.destroy();
    });

    test(`${version}: of a.test is not offered to b.test`, async () => {
      const port = await serve();
      const wrong = { ...to(port), ...only(version), servername: 'b.test' };
      const mine = sessions();
      await visitBy(mine, { ...to(port), ...only(version) });
      await assert.rejects(visitBy(mine, wrong), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      await plant({ ...to(port), ...only(version) }, wrong);
      await assert.rejects(visitBy(sessions(), wrong), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      assert.ok(told.events.includes('refused: identity'));
      assert.ok(!told.events.includes('offered'));
    });

    test(`${version}: of a wrong name is not kept, though nobody asked to verify`, async () => {
      const port = await serve();
      const lax = {
        ...to(port),
        ...only(version),
        servername: 'b.test',
        rejectUnauthorized: false,
      };
      const mine = sessions();
      await visitBy(mine, lax);
      const socket = await mine.connect(lax);
      assert.equal(socket.authorized, false, 'resumed, Node would call it authorized');
      socket.destroy();
      assert.equal(cache.sessions.size, 0);
    });
  }

  test('is not offered when its lifetime is over, nor when it is unreadable or too long', async () => {
    const port = await serve();
    await visitBy(sessions(), to(port));
    const destination = destinationOf(to(port), 'test');
    const session = cache.sessions.get(destination.id)!;
    assert.equal(faultOf(session, destination, nowSeconds()), undefined);
    assert.equal(faultOf(session, destination, nowSeconds() + 7201), 'expired');
    const der = session.subarray(session.indexOf(Buffer.from([0x30, 0x82])));
    assert.equal(faultOf(der, destination, nowSeconds()), undefined);
    assert.equal(faultOf(der.subarray(1), destination, nowSeconds()), 'unreadable');
    assert.equal(faultOf(Buffer.alloc(65_537), destination, nowSeconds()), 'too long');
  });

  test('of a certificate that is not valid at the time is not offered', async () => {
    const port = await serve();
    await visitBy(sessions(), to(port));
    const destination = destinationOf(to(port), 'test');
    const session = cache.sessions.get(destination.id)!;
    assert.equal(faultOf(session, destination, nowSeconds() - 86_400), 'certificate dates');
  });
});

describe('each part of the key changed misses:', () => {
  const base = (): SessionConnectionOptions => ({
    host: 'mx.test',
    servername: 'a.test',
    port: 25,
    ca: a.ca,
    cert: a.cert,
    key: a.key,
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
    rejectUnauthorized: true,
  });
  const idOf = (changed: SessionConnectionOptions = {}, scope = 'test'): string =>
    destinationOf({ ...base(), ...changed }, scope).id;
  const changes: Record<string, () => SessionConnectionOptions> = {
    servername: () => ({ servername: 'b.test' }),
    'servername not given': () => ({ servername: undefined }),
    host: () => ({ host: 'mx2.test' }),
    port: () => ({ port: 26 }),
    path: () => ({ path: '/run/socket' }),
    ALPN: () => ({ ALPNProtocols: ['h2', 'http/1.1'] }),
    'no ALPN': () => ({ ALPNProtocols: undefined }),
    'STARTTLS or not': () => ({
      socket: connectTcp({ port: 1, host: '127.0.0.1' }).on('error', () => {}),
    }),
    minVersion: () => ({ minVersion: 'TLSv1.3' }),
    maxVersion: () => ({ maxVersion: 'TLSv1.2' }),
    ciphers: () => ({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }),
    rejectUnauthorized: () => ({ rejectUnauthorized: false }),
    ca: () => ({ ca: b.ca }),
    'one ca more': () => ({ ca: [a.ca, b.ca] }),
    'no ca': () => ({ ca: undefined }),
    cert: () => ({ cert: b.cert }),
    key: () => ({ key: b.key }),
    'no client certificate': () => ({ cert: undefined, key: undefined }),
    pfx: () => ({ pfx: [{ buf: Buffer.from('x'), passphrase: 'p' }] }),
    crl: () => ({ crl: 'a list' }),
    sigalgs: () => ({ sigalgs: 'ecdsa_secp256r1_sha256' }),
    ecdhCurve: () => ({ ecdhCurve: 'P-384' }),
    secureOptions: () => ({ secureOptions: 4 }),
    minDHSize: () => ({ minDHSize: 2048 }),
    allowPartialTrustChain: () => ({ allowPartialTrustChain: true }),
    sessionPolicy: () => ({ sessionPolicy: 'mine' }),
  };

  for (const [name, change] of Object.entries(changes)) {
    test(name, () => {
      assert.notEqual(idOf(change()), idOf());
    });
  }

  test('scope', () => {
    assert.notEqual(idOf({}, 'other'), idOf());
  });

  test('the version of Node, which says how sessions are written', () => {
    const own = Object.getOwnPropertyDescriptor(process, 'versions')!;
    const earlier = idOf();
    Object.defineProperty(process, 'versions', {
      ...own,
      value: { ...process.versions, node: '99.0.0' },
    });
    try {
      assert.notEqual(idOf(), earlier);
    } finally {
      Object.defineProperty(process, 'versions', own);
    }
  });

  test('what Node trusts by default', { skip: noDefaults() }, () => {
    const defaults = tls as unknown as Defaults;
    const [usual, others] = [defaults.getCACertificates('default'), idOf({ ca: undefined })];
    defaults.setDefaultCACertificates([a.ca]);
    try {
      const one = idOf({ ca: undefined });
      defaults.setDefaultCACertificates([b.ca]);
      assert.equal(new Set([others, one, idOf({ ca: undefined })]).size, 3);
    } finally {
      defaults.setDefaultCACertificates(usual);
    }
  });

  test('NODE_TLS_REJECT_UNAUTHORIZED', () => {
    const { rejectUnauthorized: _, ...rest } = base();
    const [strict, given] = [destinationOf(rest, 'test'), { rejectUnauthorized: undefined }];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      assert.notEqual(destinationOf(rest, 'test').id, strict.id);
      assert.equal(destinationOf({ ...rest, ...given }, 'test').id, strict.id);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  test('and nothing changed, it is the same', () => {
    assert.equal(idOf({ ca: Buffer.from(a.ca), timeout: 3, session: Buffer.alloc(1) }), idOf());
    assert.match(idOf(), /^mx\.test:25&[0-9a-f]{64}$/u);
  });

  test('what cannot be told apart is not resumed', () => {
    const why = (options: object) => {
      try {
        return idOf(options);
      } catch (error) {
        return (error as Error).message;
      }
    };
    assert.equal(why({ key: new Map() }), 'options');
    assert.equal(why({ pskCallback: () => null }), 'options');
    assert.equal(why({ secureContext: tls.createSecureContext() }), 'unnamed policy');
    const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-no-name-'));
    rmSync(folder, { recursive: true });
    const socket = connectTcp(join(folder, 'none')).on('error', () => {});
    assert.equal(why({ socket, host: undefined, servername: undefined }), 'no name');
  });
});

interface Defaults {
  getCACertificates(type: string): string[];
  setDefaultCACertificates(certificates: readonly string[]): void;
}

function noDefaults(): string | false {
  return 'setDefaultCACertificates' in tls ? false : 'this Node has no such call';
}
