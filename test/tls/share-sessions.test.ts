/** shareSessions on servers that stand for processes: each has keys of its own without it. */
import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server, TlsOptions } from 'node:tls';
import { afterEach, describe, type TestContext, test } from 'node:test';
import type { HandshakeMessage } from '../../src/tls/handshake-watch.ts';
import type { ShareOptions } from '../../src/tls/share-options.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';
import { certificate } from '../postfix/certificate.ts';
import { chain, portOf, startServer, type Version, versions, visit } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) {
    await end();
  }
});

type Shared = { server: Server; port: number; sharing: Sharing };

function setUp(lifetimeSeconds?: number) {
  const clock = testClock();
  const tlsmgr = new TlsmgrDouble(clock, lifetimeSeconds);
  const share = async (
    options: Partial<ShareOptions> = {},
    serverOptions: TlsOptions = {},
  ): Promise<Shared> => {
    const server = await startServer(serverOptions);
    const sharing = new Sharing(server, tlsmgr, { scope: 'web', ...options }, clock);
    ends.push(
      () => sharing[Symbol.asyncDispose](),
      () => server.close(),
    );
    if (tlsmgr.is === 'ours' || tlsmgr.is === 'original') {
      await sharing.ready;
    }
    return { server, port: portOf(server), sharing };
  };
  /** Time goes on, for the clock and for timers. */
  const pass = async (t: TestContext, seconds: number): Promise<void> => {
    clock.seconds += seconds;
    t.mock.timers.tick(seconds * 1000 + 600);
    await settled();
  };
  return { clock, tlsmgr, share, pass };
}

/** What was asked for has been answered. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

for (const version of versions) {
  describe(`sharing over ${version}`, () => {
    for (const keys of ['ring', 'single'] as const) {
      test(`${keys}: a session of one process is resumed by another`, async () => {
        const { share } = setUp();
        const [one, two] = [await share({ keys }), await share({ keys })];
        assert.equal(one.sharing.mode, keys);
        assert.deepEqual(await chain([one.port, two.port, one.port], version), [false, true, true]);
      });

      test(`${keys}: and after setSecureContext of both`, async () => {
        const { share } = setUp();
        const [one, two] = [await share({ keys }), await share({ keys })];
        const { session } = await visit(one.port, version);
        const pem = await certificate();
        for (const { server } of [one, two]) {
          server.setSecureContext({ key: pem, cert: pem });
        }
        assert.equal((await visit(two.port, version, session)).resumed, true);
      });

      test(`${keys}: another scope neither resumes nor has the keys`, async () => {
        const { share } = setUp();
        const [web, api] = [await share({ keys }), await share({ keys, scope: 'api' })];
        const { session } = await visit(web.port, version);
        assert.equal((await visit(api.port, version, session)).resumed, false);
      });

      test(`${keys}: no session is resumed that lives longer than keys open tickets`, async () => {
        const { share } = setUp(240);
        const { port } = await share({ keys });
        const { session } = await visit(port, version);
        assert.match(session!.toString('hex'), /a903020178/u, 'a hint of 120 s');
      });
    }

    test('auto is ring, as the check passes in this Node', async () => {
      const { share } = setUp();
      assert.equal((await share()).sharing.mode, 'ring');
    });

    test('over two rotations every visit is resumed, with the newest key each time', async (t) => {
      const { share, pass } = setUp();
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const [one, two] = [await share(), await share()];
      let { session } = await visit(one.port, version);
      for (const { port } of [two, one]) {
        await pass(t, 1801);
        await pass(t, 2);
        const got = await visit(port, version, session);
        assert.equal(got.resumed, true);
        assert.notDeepEqual(got.session, session);
        ({ session } = got);
      }
      assert.deepEqual(one.sharing.stats().byKey, { current: 0, previous: 1, unknown: 0 });
    });

    test('a process born after a rotation opens tickets of before it', async (t) => {
      const { share, pass, clock } = setUp();
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const one = await share();
      const { session } = await visit(one.port, version);
      await pass(t, 1801);
      clock.seconds += 60;
      const two = await share();
      assert.equal((await visit(two.port, version, session)).resumed, true);
    });

    test('renew: always gives a new ticket at each visit, never none, old-key only for an old key', async (t) => {
      const { share, pass } = setUp();
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const renewals = ['always', 'old-key', 'never'] as const;
      const shared = [];
      for (const renew of renewals) {
        shared.push(await share({ renew }));
      }
      const { session } = await visit(shared[0]!.port, version);
      const fresh = await Promise.all(shared.map(({ port }) => renewed(port, version, session)));
      assert.deepEqual(fresh, [true, false, false]);
      await pass(t, 1803);
      const old = await Promise.all(shared.map(({ port }) => renewed(port, version, session)));
      assert.deepEqual(old, [true, true, false]);
    });

    test('no tlsmgr at start: Node serves with keys of its own, then those of the scope', async (t) => {
      const { share, tlsmgr, pass } = setUp();
      tlsmgr.is = 'away';
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const [one, two] = [await share(), await share()];
      assert.equal(one.sharing.state, 'waiting');
      assert.deepEqual(await chain([one.port, one.port, two.port], version), [false, true, false]);
      tlsmgr.is = 'ours';
      await pass(t, 10);
      await one.sharing.ready;
      await two.sharing.ready;
      assert.deepEqual(await chain([one.port, two.port], version), [false, true]);
    });

    test('the tlsmgr goes: the last key serves to its end, then handshakes are full, none fails', async (t) => {
      const { share, tlsmgr, pass } = setUp();
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const { port, sharing } = await share();
      tlsmgr.is = 'away';
      assert.deepEqual(await chain([port, port], version), [false, true]);
      await pass(t, 1805);
      assert.equal(sharing.state, 'expired');
      const { session, resumed } = await visit(port, version);
      assert.equal(resumed, false);
      assert.equal((await visit(port, version, session)).resumed, false);
      tlsmgr.is = 'ours';
      await pass(t, 10);
      assert.equal(sharing.state, 'sealing');
      assert.deepEqual(await chain([port, port], version), [false, true]);
    });

    test("Postfix's own tlsmgr: the same keys, and an older one is fetched behind", async (t) => {
      const { share, tlsmgr, pass } = setUp();
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const one = await share();
      const { session } = await visit(one.port, version);
      await pass(t, 1805);
      tlsmgr.is = 'original';
      const two = await share();
      assert.deepEqual(await chain([one.port, two.port], version), [false, true]);
      await pass(t, 2);
      assert.equal((await visit(two.port, version, session)).resumed, false);
      await settled();
      assert.equal((await visit(two.port, version, session)).resumed, true);
    });

    test('subscribers are told which key has opened a ticket', async (t) => {
      const { share, pass } = setUp();
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const told: HandshakeMessage[] = [];
      const listen = (message: unknown): void => void told.push(message as HandshakeMessage);
      subscribe('tlsmgr.server.handshake', listen);
      ends.push(() => unsubscribe('tlsmgr.server.handshake', listen));
      const [one, other] = [await share(), await startServer()];
      ends.push(() => other.close());
      const { session } = await visit(one.port, version);
      await visit(one.port, version, session);
      await pass(t, 1805);
      await visit(one.port, version, session);
      await visit(one.port, version, (await visit(portOf(other), version)).session);
      const same = { scope: 'web', protocol: version };
      assert.deepEqual(told, [
        { ...same, resumed: false, key: undefined },
        { ...same, resumed: true, key: 'current' },
        { ...same, resumed: true, key: 'previous' },
        { ...same, resumed: false, key: 'unknown' },
      ]);
      const { resumed, full, byKey } = one.sharing.stats();
      assert.deepEqual(
        { resumed, full, ...byKey },
        { resumed: 2, full: 2, current: 1, previous: 1, unknown: 1 },
      );
    });

    for (const keys of ['ring', 'single'] as const) {
      test(`${keys}: disposed of, it overwrites its keys, and handshakes go on`, async () => {
        const { share } = setUp();
        const { port, sharing, server } = await share({ keys });
        const { session } = await visit(port, version);
        await sharing[Symbol.asyncDispose]();
        assert.equal(sharing.state, 'closed');
        assert.equal(sharing.stats().keys, 0);
        assert.ok(!Object.hasOwn(server, 'setSecureContext'));
        assert.equal((await visit(port, version, session)).resumed, false);
      });
    }
  });
}

/** Whether a visit with the session is resumed and brings another one. */
async function renewed(port: number, version: Version, session: Buffer | undefined) {
  const got = await visit(port, version, session);
  assert.equal(got.resumed, true);
  return version === 'TLSv1.3' ? got.sessions.length > 0 : !got.session!.equals(session!);
}
