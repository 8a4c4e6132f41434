/** A ring by public interfaces alone: one server a key. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer } from 'node:tls';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ticketKeyName } from '../../src/tls/client-hello.ts';
import { ServerPerKey } from '../../src/tls/server-per-key.ts';
import { certificate } from '../postfix/certificate.ts';
import { chain, greet, versions, visit } from './handshakes.ts';
import { testClock, TlsmgrDouble } from './tlsmgr-double.ts';

async function setUp() {
  const clock = testClock();
  const tlsmgr = new TlsmgrDouble(clock);
  const pem = await certificate();
  const start = async () => {
    const split = new ServerPerKey({
      client: tlsmgr,
      scope: 'web',
      makeServer: (options) => {
        const server = createServer({ key: pem, cert: pem, ...options }, greet);
        server.on('tlsClientError', () => {});
        return server;
      },
      clock,
    });
    split.server.listen(0, '127.0.0.1');
    await once(split.server, 'listening');
    const { port } = split.server.address() as AddressInfo;
    const stop = async (): Promise<void> => {
      await split[Symbol.asyncDispose]();
      split.server.close();
    };
    return { port, stop };
  };
  return { clock, start };
}

describe('a server a key', () => {
  for (const version of versions) {
    test(`${version}: tickets are resumed elsewhere, and after a rotation`, async (t) => {
      const { clock, start } = await setUp();
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const [one, two] = [await start(), await start()];
      try {
        assert.deepEqual(await chain([one.port, two.port, one.port], version), [false, true, true]);
        const { session } = await visit(one.port, version);
        clock.seconds += 1803;
        t.mock.timers.tick(1_804_000);
        await visit(two.port, version);
        assert.equal((await visit(two.port, version, session)).resumed, true);
        assert.deepEqual(await chain([one.port, two.port], version), [false, true]);
      } finally {
        await one.stop();
        await two.stop();
      }
    });
  }

  test('what is no ClientHello, or only a part of one, is no harm', async () => {
    const { start } = await setUp();
    const { port, stop } = await start();
    for (const bytes of [
      [22, 3, 1],
      [22, 3, 1, 0, 2, 1, 0],
      [71, 69, 84],
      [22, 3, 1, 0, 1, 9],
    ]) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.end(Buffer.from(bytes));
      socket.resume();
      await once(socket, 'close');
    }
    assert.deepEqual(await chain([port, port], 'TLSv1.3'), [false, true]);
    await stop();
  });

  test('is refused where certificates of clients are asked for', () => {
    const client = new TlsmgrDouble(testClock());
    const makeServer = (options: object) => createServer({ ...options, requestCert: true });
    assert.throws(() => new ServerPerKey({ client, scope: 'web', makeServer }), {
      code: 'REFUSED',
    });
    assert.equal(client.asked, 0);
  });

  test('the reader of a ClientHello never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isHello) => {
        const body = Buffer.from(bytes);
        const head = Buffer.from([22, 3, 1, body.length >> 8, body.length & 0xff]);
        const name = ticketKeyName(isHello ? Buffer.concat([head, body]) : body);
        assert.ok(name === undefined || name === 'more' || name.length === 16);
      }),
      { numRuns: 500 },
    );
  });
});
