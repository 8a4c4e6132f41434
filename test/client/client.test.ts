import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { TlsmgrClient } from '../../src/client/client.ts';
import { TlsmgrError } from '../../src/errors.ts';
import { announcement, list, startService, type TestService } from '../socket/harness.ts';

describe('client', () => {
  let running: TestService;
  let client: TlsmgrClient;

  before(async () => {
    running = await startService({ publicInterfacesOnly: false });
    client = new TlsmgrClient({ socketPath: running.path });
  });

  after(() => {
    client.close();
    running.stop();
  });

  test('gets seeds of the length asked for', async () => {
    assert.equal((await client.seed(255)).length, 255);
    await assert.rejects(client.seed(256), { code: 'REFUSED' });
  });

  test('gets the policy of a cache', async () => {
    assert.deepEqual(await client.policy('smtpd'), { cachable: true, timeoutSeconds: 3600 });
    assert.deepEqual(await client.policy('lmtp'), { cachable: false, timeoutSeconds: 3600 });
  });

  test('stores, finds and deletes sessions, whatever their bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ min: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        async (id, session) => {
          assert.equal(await client.update('smtp', id, session), true);
          assert.deepEqual(await client.lookup('smtp', id), session);
          assert.equal(await client.delete('smtp', id), true);
          assert.equal(await client.delete('smtp', id), false);
          assert.equal(await client.lookup('smtp', id), undefined);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('refuses an id with a NUL before it is sent', async () => {
    await assert.rejects(async () => client.lookup('smtp', 'a\0b'), RangeError);
  });

  test('says so when a cache is off', async () => {
    assert.equal(await client.update('lmtp', 'x', Buffer.from('y')), false);
    assert.equal(await client.lookup('lmtp', 'x'), undefined);
    await assert.rejects(client.flush('lmtp'), { code: 'REFUSED' });
  });

  test('gets ticket keys, the current one and by name', async () => {
    const key = await client.ticketKey();
    assert.ok(key !== undefined);
    assert.equal(key.length, 88);
    assert.deepEqual(await client.ticketKey(key.subarray(0, 16)), key);
    assert.equal(await client.ticketKey(Buffer.alloc(16, 1)), undefined);
  });

  test('gets the ticket keys of a scope', async () => {
    const [key, ...others] = (await client.ticketRing('web'))!;
    assert.deepEqual(others, []);
    assert.deepEqual(key!.name, (await client.ticketKey())!.subarray(0, 16));
    assert.equal(key!.aes.length + key!.hmac.length, 48);
    await assert.rejects(client.ticketRing(''), { code: 'REFUSED' });
  });

  test('answers concurrent calls each with its own reply', async () => {
    const sizes = [1, 2, 3, 4, 5, 6, 7, 8];
    const seeds = await Promise.all(sizes.map((size) => client.seed(size)));
    assert.deepEqual(
      seeds.map(({ length }) => length),
      sizes,
    );
  });

  test('flushes a cache', async () => {
    await client.update('smtpd', 'one', Buffer.from('1'));
    await client.update('smtpd', 'two', Buffer.from('2'));
    assert.equal(await client.flush('smtpd'), 2);
    assert.equal(await client.lookup('smtpd', 'one'), undefined);
  });
});

describe('client of a server that misbehaves', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-'));
  after(() => rmSync(folder, { recursive: true }));
  let servers = 0;

  /** A server whose n-th connection is treated as told. */
  const serve = async (...behaviours: ((socket: Socket) => void)[]) => {
    servers += 1;
    const path = join(folder, `s${servers}`);
    let connections = 0;
    const server = createServer((socket) => {
      socket.on('error', () => {});
      behaviours[Math.min(connections, behaviours.length - 1)]!(socket);
      connections += 1;
    });
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
    return {
      client: new TlsmgrClient({ socketPath: path, retryPauseMs: 1, timeoutMs: 10_000 }),
      connections: () => connections,
      stop: () => server.close(),
    };
  };

  const answering = (socket: Socket): void => {
    socket.write(announcement);
    socket.on('data', () => socket.write(list('status', '0', 'seed', 'QUJD')));
  };

  test('a lost connection is tried once more, on a new one', async () => {
    const server = await serve((socket) => socket.destroy(), answering);
    assert.equal((await server.client.seed(3)).toString(), 'ABC');
    assert.equal(server.connections(), 2);
    server.client.close();
    server.stop();
  });

  test('a server that never answers well is given up with UNAVAILABLE', async () => {
    for (const behaviour of [
      (socket: Socket) => void socket.end(list('protocol', 'other')),
      (socket: Socket) => void socket.end(list('status', '0')),
      (socket: Socket) => void socket.destroy(),
      (socket: Socket) => {
        socket.write(announcement);
        socket.on('data', () => socket.write(list('other', '0')));
      },
    ]) {
      const server = await serve(behaviour);
      await assert.rejects(server.client.seed(3), (error: unknown) => {
        assert.ok(error instanceof TlsmgrError);
        assert.equal(error.code, 'UNAVAILABLE');
        return true;
      });
      assert.equal(server.connections(), 2);
      server.stop();
    }
  });

  test('no server at all is UNAVAILABLE', async () => {
    const client = new TlsmgrClient({ socketPath: join(folder, 'nobody'), retries: 0 });
    await assert.rejects(client.seed(3), { code: 'UNAVAILABLE' });
  });

  test('a reply in small pieces is read whole', async () => {
    const server = await serve((socket) => {
      socket.write(announcement);
      socket.on('data', () => {
        const reply = list('status', '0', 'seed', 'QUJD');
        const step = (at: number): void => {
          if (at < reply.length) {
            socket.write(reply.slice(at, at + 7));
            setImmediate(step, at + 7);
          }
        };
        step(0);
      });
    });
    assert.equal((await server.client.seed(3)).toString(), 'ABC');
    server.client.close();
    server.stop();
  });
});
