/** Attacks on shared sessions, each of which must fail. */
import assert from 'node:assert/strict';
import type { Server } from 'node:tls';
import { afterEach, before, describe, test } from 'node:test';
import type { ShareOptions } from '../../src/tls/share-options.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';
import { ask, askingServer } from './asking-server.ts';
import { type Authority, makeAuthority } from './authority.ts';
import { listening, portOf, versions, visit } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

const refusal = { code: 'REFUSED' };

let one: Authority;
let other: Authority;
before(async () => {
  [one, other] = await Promise.all([makeAuthority('one'), makeAuthority('other')]);
});

const servers: Server[] = [];
const open: Sharing[] = [];
afterEach(async () => {
  for (const sharing of open.splice(0)) {
    await sharing[Symbol.asyncDispose]();
  }
  servers.splice(0).forEach((server) => server.close());
});

/** A server that asks for certificates of clients of the first authority. */
function asking(options: object = {}): Server {
  const server = askingServer(one, options);
  servers.push(server);
  return server;
}

function share(
  server: Server,
  options: Partial<ShareOptions> = {},
  tlsmgr?: TlsmgrDouble,
): Sharing {
  const clock = testClock();
  const client = tlsmgr ?? new TlsmgrDouble(clock);
  const sharing = new Sharing(server, client, { scope: 'web', ...options }, clock);
  open.push(sharing);
  return sharing;
}

for (const version of versions) {
  describe(`client certificates over ${version}`, () => {
    test('in Node, a client of one authority is authorized at a host that trusts another: hence the refusal', async () => {
      const server = asking();
      server.addContext('b.test', { key: other.key, cert: other.cert, ca: other.ca });
      await listening(server);
      const first = await ask(portOf(server), version, 'a.test', one);
      assert.equal(first.authorized, true);
      assert.equal((await ask(portOf(server), version, 'b.test', one)).authorized, false);
      const attack = await ask(portOf(server), version, 'b.test', one, first.session);
      // Lines of Node that wrap sessions don't offer them to another host; other clients do.
      const isOffered = first.session![0] === 0x30;
      assert.deepEqual([attack.resumed, attack.authorized], [isOffered, isOffered]);
    });

    test('peerAuthorized wants a certificate, resumed or not', async () => {
      const server = await listening(asking());
      await share(server).ready;
      const none = await ask(portOf(server), version, 'a.test', {});
      assert.equal(none.peerAuthorized, false);
      const noneAgain = await ask(portOf(server), version, 'a.test', {}, none.session);
      assert.equal(noneAgain.resumed, true);
      assert.equal(noneAgain.peerAuthorized, false);
      const shown = await ask(portOf(server), version, 'a.test', one);
      assert.equal(shown.peerAuthorized, true);
      const again = await ask(portOf(server), version, 'a.test', one, shown.session);
      assert.deepEqual([again.resumed, again.peerAuthorized], [true, true]);
    });

    test('a session with a certificate is never renewed', async () => {
      const server = await listening(asking());
      const sharing = share(server);
      await sharing.ready;
      assert.equal(sharing.mode, 'ring');
      const first = await ask(portOf(server), version, 'a.test', one);
      const again = await visit(portOf(server), version, first.session, {
        servername: 'a.test',
        key: one.key,
        cert: one.cert,
      });
      assert.equal(again.resumed, true);
      assert.deepEqual(again.sessions, []);
      assert.throws(() => share(asking(), { renew: 'always' }), refusal);
      assert.throws(() => share(asking(), { renew: 'old-key' }), refusal);
    });
  });
}

describe('hosts with authorities of their own, where client certificates are asked for', () => {
  const own = () => ({ key: other.key, cert: other.cert, ca: other.ca });

  test('are refused when they are there already, or can not be seen', () => {
    const server = asking();
    server.addContext('b.test', own());
    assert.throws(() => share(server), refusal);
    assert.throws(() => share(asking({ SNICallback: () => {} })), refusal);
  });

  test('are refused when they come later, and sharing goes on', async () => {
    const server = await listening(asking());
    const sharing = share(server);
    await sharing.ready;
    assert.throws(() => server.addContext('b.test', own()), refusal);
    assert.throws(() => server.addContext('b.test', { key: other.key, cert: other.cert }), refusal);
    server.addContext('c.test', { key: other.key, cert: other.cert, ca: one.ca });
    await sharing[Symbol.asyncDispose]();
    server.addContext('b.test', own());
  });

  test("are nobody's concern without client certificates", async () => {
    const server = await listening(asking({ requestCert: false }));
    server.addContext('b.test', own());
    await share(server).ready;
  });

  test('of an SMTP server as well', () => {
    const clock = testClock();
    const smtp = (options: object) => ({
      secureContext: new Map(),
      updateSecureContext: () => {},
      options: { requestCert: true, ca: one.ca, ...options },
    });
    for (const options of [
      { sniOptions: { 'b.test': own() } },
      { sniOptions: new Map([['b.test', own()]]) },
      { SNICallback: () => {} },
    ]) {
      assert.throws(
        () => new Sharing(smtp(options), new TlsmgrDouble(clock), { scope: 'mail' }, clock),
        refusal,
      );
    }
  });
});

describe('keys that come from a tlsmgr', () => {
  const good = () => {
    const bytes = (length: number, seed: number) =>
      Buffer.from(Array.from({ length }, (_, at) => (at * 7 + seed) & 0xff));
    const now = Math.floor(Date.now() / 1000);
    return {
      name: bytes(16, 1),
      aes: bytes(16, 99),
      hmac: bytes(32, 180),
      sealFromSeconds: now,
      sealUntilSeconds: now + 1000,
      openUntilSeconds: now + 2000,
    };
  };
  const weak: [string, (key: ReturnType<typeof good>) => unknown][] = [
    ['a name of zeros', (key) => key.name.fill(0)],
    ['a cipher key of zeros', (key) => key.aes.fill(0)],
    ['a MAC key of zeros', (key) => key.hmac.fill(0)],
    ['equal halves of the cipher key', (key) => key.aes.copy(key.aes, 8, 0, 8)],
    ['equal halves of the MAC key', (key) => key.hmac.copy(key.hmac, 16, 0, 16)],
    ['the cipher key in the MAC key', (key) => key.aes.copy(key.hmac, 16)],
    ['the name as cipher key', (key) => key.name.copy(key.aes)],
    ['a name too short', (key) => Object.assign(key, { name: key.name.subarray(1) })],
    ['a cipher key too long', (key) => Object.assign(key, { aes: key.hmac })],
    ['a MAC key that is no buffer', (key) => Object.assign(key, { hmac: 'x'.repeat(32) })],
    ['no key at all', (key) => Object.assign(key, { aes: undefined })],
    ['a time that is no number', (key) => (key.openUntilSeconds = Number.NaN)],
    ['a life without end', (key) => (key.openUntilSeconds += 101 * 86_400)],
    ['a life that is over', (key) => (key.openUntilSeconds = key.sealFromSeconds - 1)],
  ];

  for (const [what, spoil] of weak) {
    test(`are refused: ${what}`, async () => {
      const clock = testClock();
      const tlsmgr = new TlsmgrDouble(clock);
      const bad = good();
      spoil(bad);
      tlsmgr.ticketRing = () => Promise.resolve([bad]);
      const server = await listening(asking({ requestCert: false }));
      const sharing = new Sharing(server, tlsmgr, { scope: 'web' }, clock);
      open.push(sharing);
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
      assert.equal(sharing.state, 'waiting');
      assert.equal(sharing.stats().keys, 0);
      assert.ok(sharing.stats().refusedKeys > 0);
      assert.equal((await visit(portOf(server), 'TLSv1.3')).resumed, false);
    });
  }

  test("are refused: a weak key of Postfix's own tlsmgr, which would derive well", async () => {
    const clock = testClock();
    const tlsmgr = new TlsmgrDouble(clock);
    tlsmgr.is = 'original';
    tlsmgr.ticketKey = () => Promise.resolve(Buffer.alloc(88));
    const server = await listening(asking({ requestCert: false }));
    const sharing = new Sharing(server, tlsmgr, { scope: 'web' }, clock);
    open.push(sharing);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    assert.equal(sharing.state, 'waiting');
    assert.ok(sharing.stats().refusedKeys > 0);
  });

  test('a scope is 1 to 255 bytes without a NUL', async () => {
    for (const scope of ['', 's'.repeat(256), 'a\0b']) {
      assert.throws(() => share(asking({ requestCert: false }), { scope }), RangeError);
    }
  });
});
