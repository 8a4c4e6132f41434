import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient } from '../patient-client.ts';
import { announcement, list, startService, type TestService } from '../socket/harness.ts';

describe('client', () => {
  let running: TestService;
  let client: TlsmgrClient;

  before(async () => {
    running = await startService({ publicInterfacesOnly: false });
    client = patientClient(running.path);
  });

  after(() => {
    void client.close();
    running.stop();
  });

  test('gets seeds of the length asked for', async () => {
    assert.equal((await client.seed(255)).length, 255);
    await assert.rejects(client.seed(256), RangeError);
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
    await assert.rejects(client.ticketRing(''), RangeError);
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

describe('a client of a server that misbehaves', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-'));
  after(() => rmSync(folder, { recursive: true }));
  let servers = 0;

  const policy = list('status', '0', 'cachable', '1', 'timeout', '3600');
  const seed = list('status', '0', 'seed', 'QUJD');
  const answerTo = (asked: Buffer): string => (asked.includes('\0seed\0') ? seed : policy);

  const serve = async (behaviour: (socket: Socket) => void) => {
    servers += 1;
    const path = join(folder, `s${servers}`);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      behaviour(socket);
    });
    await new Promise<void>((resolve) => {
      server.listen(path, resolve);
    });
    return { client: patientClient(path), stop: () => server.close() };
  };

  test('is told UNAVAILABLE', async () => {
    for (const behaviour of [
      (socket: Socket) => void socket.end(list('protocol', 'other')),
      (socket: Socket) => void socket.end(list('status', '0')),
      (socket: Socket) => void socket.destroy(),
      (socket: Socket) => {
        socket.write(announcement);
        socket.on('data', () => socket.write(list('other', '0')));
      },
      (socket: Socket) => {
        socket.write(announcement);
        socket.on('data', (asked) => socket.write(answerTo(asked)));
        socket.on('data', () => socket.end());
      },
    ]) {
      const server = await serve(behaviour);
      await assert.rejects(server.client.seed(3), { name: 'TlsmgrError', code: 'UNAVAILABLE' });
      assert.equal(server.client.state, 'down');
      server.stop();
    }
  });

  test('no server at all is UNAVAILABLE, and a miss', async () => {
    const client = patientClient(join(folder, 'nobody'));
    await assert.rejects(client.seed(3), { code: 'UNAVAILABLE' });
    assert.equal(await client.lookup('smtp', 'id'), undefined);
    assert.equal(client.trouble?.code, 'UNAVAILABLE');
  });

  test('reads a reply in small pieces', async () => {
    const server = await serve((socket) => {
      socket.write(announcement);
      socket.on('data', (asked: Buffer) => {
        const reply = answerTo(asked);
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
    await server.client.close();
    server.stop();
  });
});
