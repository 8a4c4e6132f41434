/** What shareSessions refuses, and that nothing is left of it then. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { Server } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, test } from 'node:test';
import { shareSessions } from '../../src/tls/index.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';
import { startServer } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

const ends: (() => unknown)[] = [];
afterEach(() => {
  ends.splice(0).forEach((end) => end());
});

async function started(options: object = {}): Promise<Server> {
  const server = await startServer(options);
  ends.push(() => server.close());
  return server;
}

function share(target: unknown, options: object = {}): Sharing {
  const clock = testClock();
  const given = { scope: 'web', ...options };
  return new Sharing(target as Server, new TlsmgrDouble(clock), given, clock);
}

describe('a share that is refused', () => {
  /** What could be left of it. */
  const traces = (server: Server) => [
    Object.getOwnPropertyNames(server).filter((name) => /SecureContext|addContext/u.test(name)),
    ['secureConnection', 'listening', 'newSession', 'resumeSession'].map((name) =>
      server.listenerCount(name),
    ),
  ];

  test('leaves nothing at the server, which can be shared later', async () => {
    const server = await started({ requestCert: true, rejectUnauthorized: false });
    const answer = (): void => {};
    server.on('resumeSession', answer);
    const before = traces(server);
    assert.throws(() => share(server, { sessionIds: true }), { code: 'REFUSED' });
    assert.deepEqual(traces(server), before);
    server.off('resumeSession', answer);
    const sharing = share(server, { sessionIds: true });
    await sharing.ready;
    assert.equal(sharing.state, 'sealing');
    await sharing[Symbol.asyncDispose]();
  });

  const senseless: [string, object][] = [
    ['keys', { keys: 'foo' }],
    ['renew', { renew: 'foo' }],
    ['sessionIds', { sessionIds: null }],
    ['sessionIds', { sessionIds: {} }],
    ['sessionIds', { sessionIds: { deadlineMs: Number.NaN } }],
    ['sessionIds', { sessionIds: { deadlineMs: 0 } }],
    ['sessionIds', { sessionIds: { deadlineMs: 1e12 } }],
  ];
  for (const [name, options] of senseless) {
    test(`has an option of no meaning: ${JSON.stringify(options)}`, async () => {
      const server = await started();
      const message = new RegExp(`^${name} is `, 'u');
      assert.throws(() => share(server, options), { name: 'RangeError', message });
    });
  }

  for (const target of [undefined, null, 5, 'server', {}]) {
    test(`has no target: ${JSON.stringify(target)}`, () => {
      const message = /^sessions are shared on a tls\.Server/u;
      assert.throws(() => share(target), { name: 'TypeError', message });
    });
  }
});

describe('waiting for ready', () => {
  test('ends after 5 s where no key comes', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const clock = testClock();
    const tlsmgr = new TlsmgrDouble(clock);
    tlsmgr.is = 'silent';
    const sharing = new Sharing(await started(), tlsmgr, { scope: 'web' }, clock);
    let isReady = false;
    const waiting = sharing.ready.then(() => {
      isReady = true;
      return isReady;
    });
    t.mock.timers.tick(4999);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    assert.equal(isReady, false);
    t.mock.timers.tick(1);
    await waiting;
    assert.equal(sharing.state, 'waiting');
    await sharing[Symbol.asyncDispose]();
  });

  test('keeps a process alive that does not listen yet, and nothing else does', async () => {
    const child = fileURLToPath(new URL('./ready-child.ts', import.meta.url));
    const outcomes = await Promise.all(
      ['awaits', 'goes on'].map(
        (what) =>
          new Promise((resolve) => {
            const args = ['--import', 'tsx', child, what];
            execFile(process.execPath, args, (error, stdout, stderr) => {
              resolve([error?.code ?? 0, stdout.trim(), stderr]);
            });
          }),
      ),
    );
    assert.deepEqual(outcomes, [
      [0, 'ready: closed', ''],
      [0, 'not ready', ''],
    ]);
  });

  test('is over at once when it is disposed of', async () => {
    const tlsmgr = new TlsmgrDouble(testClock());
    tlsmgr.is = 'away';
    const sharing = shareSessions(await started(), tlsmgr, { scope: 'web' });
    const { ready } = sharing;
    await sharing[Symbol.asyncDispose]();
    await ready;
  });
});
