/** Clients that one set of authorities has let in, at servers that trust another. */
import assert from 'node:assert/strict';
import { createSecureContext, type Server } from 'node:tls';
import { afterEach, before, describe, test } from 'node:test';
import type { ShareOptions } from '../../src/tls/share-options.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';
import { clientAuthoritiesOf, trustOf } from '../../src/tls/trusted-authorities.ts';
import { ask, askingServer } from './asking-server.ts';
import { type Authority, makeAuthority } from './authority.ts';
import { listening, portOf, versions } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

const refusal = { code: 'REFUSED' };

let one: Authority;
let other: Authority;
before(async () => {
  [one, other] = await Promise.all([makeAuthority('one'), makeAuthority('other')]);
});

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) {
    await end();
  }
});

const modes = ['ring', 'single'] as const;
const hostOf = ({ key, cert, ca }: Authority) => ({ key, cert, ca });

/** Servers of one scope at one tlsmgr. */
function setUp(options: Partial<ShareOptions> = {}) {
  const clock = testClock();
  const tlsmgr = new TlsmgrDouble(clock);
  return async (serverOptions: object = {}): Promise<{ server: Server; port: number }> => {
    const server = await listening(askingServer(one, serverOptions));
    const sharing = new Sharing(server, tlsmgr, { scope: 'web', ...options }, clock);
    ends.push(
      () => sharing[Symbol.asyncDispose](),
      () => server.close(),
    );
    await sharing.ready;
    return { server, port: portOf(server) };
  };
}

for (const version of versions) {
  describe(`servers of one scope with different authorities, ${version}`, () => {
    for (const keys of modes) {
      test(`${keys}: a client that one has let in makes a full handshake at the other`, async () => {
        const share = setUp({ keys });
        const [first, second, third] = [
          await share(),
          await share({ ca: other.ca }),
          await share(),
        ];
        const { session, authorized } = await ask(first.port, version, 'mx', one);
        assert.equal(authorized, true);
        const attack = await ask(second.port, version, 'mx', one, session);
        assert.deepEqual([attack.resumed, attack.authorized], [false, false]);
        const again = await ask(third.port, version, 'mx', one, session);
        assert.deepEqual([again.resumed, again.authorized], [true, true]);
      });

      test(`${keys}: setSecureContext with another ca: the clients of before are verified again`, async () => {
        const { server, port } = await setUp({ keys })();
        const { session } = await ask(port, version, 'mx', one);
        server.setSecureContext(hostOf(one));
        assert.equal((await ask(port, version, 'mx', one, session)).resumed, true);
        server.setSecureContext(hostOf(other));
        const attack = await ask(port, version, 'mx', one, session);
        assert.deepEqual([attack.resumed, attack.authorized], [false, false]);
      });
    }

    test('a client without a certificate does not resume where one is required', async () => {
      const share = setUp();
      const [wanting, asksNobody] = [await share(), await share({ requestCert: false })];
      const requiring = await share({ rejectUnauthorized: true });
      for (const { port } of [wanting, asksNobody]) {
        const { session } = await ask(port, version, 'mx', {});
        await assert.rejects(ask(requiring.port, version, 'mx', {}, session));
      }
    });
  });
}

describe('contexts for host names, where client certificates are asked for', () => {
  test('are refused with a PKCS#12 file, which may bring authorities', async () => {
    const { server } = await setUp()();
    const { key, cert, ca } = one;
    const added = [
      { pfx: other.pfx, passphrase: '', ca },
      { pfx: [{ buf: other.pfx, passphrase: '' }], ca },
      { pfx: one.pfx, passphrase: '', ca },
      { key, cert, ca, allowPartialTrustChain: true },
      { key, cert, ca: [] },
      { key, cert, ca: '' },
      createSecureContext({ key, cert, ca }),
    ];
    for (const context of added) {
      assert.throws(() => server.addContext('b.test', context), refusal);
    }
    server.addContext('b.test', { key, cert, ca: Buffer.from(ca) });
  });

  test("are refused where the server's own PKCS#12 file brings authorities to which the host has none", async () => {
    const { server } = await setUp()({ pfx: other.pfx, passphrase: '' });
    assert.throws(() => server.addContext('b.test', hostOf(one)), refusal);
  });

  test('hold the authorities of the server where they are: a change is refused', async () => {
    const { server, port } = await setUp()();
    server.addContext('b.test', hostOf(one));
    assert.throws(() => server.setSecureContext(hostOf(other)), refusal);
    server.setSecureContext(hostOf(one));
    assert.equal((await ask(port, 'TLSv1.3', 'mx', one)).authorized, true);
  });

  test('follow the authorities of the server when these have changed', async () => {
    const { server } = await setUp()();
    server.setSecureContext(hostOf(other));
    assert.throws(() => server.addContext('b.test', hostOf(one)), refusal);
    server.addContext('b.test', hostOf(other));
  });

  test('of an SMTP server are checked again at each update', async () => {
    const clock = testClock();
    const options = { requestCert: true, ...hostOf(one), sniOptions: { 'b.test': hostOf(one) } };
    const smtp = {
      secureContext: new Map([['*', createSecureContext(options)]]),
      updateSecureContext: (changed: object) => void Object.assign(options, changed),
      options,
    };
    const client = new TlsmgrDouble(clock);
    const sharing = new Sharing(smtp, client, { scope: 'mail' }, clock);
    ends.push(() => sharing[Symbol.asyncDispose]());
    assert.throws(() => smtp.updateSecureContext({ ca: other.ca }), refusal);
    const pfx = { ca: one.ca, pfx: other.pfx };
    assert.throws(() => smtp.updateSecureContext({ sniOptions: { 'b.test': pfx } }), refusal);
    const mapLike = new Map([['b.test', hostOf(other)]]);
    assert.throws(() => smtp.updateSecureContext({ sniOptions: mapLike }), refusal);
    smtp.updateSecureContext({ ca: other.ca, sniOptions: mapLike });
  });

  test("a method of the server's own is there again after it", async () => {
    const server = askingServer(one);
    const addContext = (): void => {};
    server.addContext = addContext;
    const clock = testClock();
    const sharing = new Sharing(server, new TlsmgrDouble(clock), { scope: 'web' }, clock);
    await sharing[Symbol.asyncDispose]();
    assert.equal(Reflect.get(server, 'addContext'), addContext);
  });
});

test('the digest of authorities tells apart all that is trusted', () => {
  const trusts = [
    {},
    { ca: [] },
    { ca: 'a' },
    { ca: 'ab' },
    { ca: ['a', 'b'] },
    { ca: 'a', pfx: Buffer.from('p') },
    { ca: 'a', crl: 'c' },
    { ca: 'a', allowPartialTrustChain: true },
  ];
  assert.equal(new Set(trusts.map(trustOf)).size, trusts.length);
  assert.equal(trustOf({ ca: 'ab' }), trustOf({ ca: Buffer.from('ab') }));
  assert.equal(trustOf({ ca: null }), trustOf({}));
  const asks = [{ requestCert: true }, { requestCert: true, rejectUnauthorized: false }];
  assert.equal(new Set([{}, ...asks].map(clientAuthoritiesOf)).size, 3);
});
