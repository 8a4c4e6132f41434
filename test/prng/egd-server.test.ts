import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { takeCommand } from '../../src/prng/egd-protocol.ts';
import { EgdServer } from '../../src/prng/egd-server.ts';
import { Pool } from '../../src/prng/pool.ts';
import { sourceOf } from '../../src/prng/source.ts';
import { systemClock } from '../../src/system/clock.ts';
import { scratchFolder } from './scratch.ts';

const scratch = scratchFolder();
const alive = setInterval(() => {}, 1000);
after(() => {
  clearInterval(alive);
  scratch.remove();
});

describe('EGD commands', () => {
  const byte = fc.nat({ max: 255 });
  const command = fc.oneof(
    fc.constant([0]),
    fc.tuple(fc.constantFrom(1, 2), byte).map((bytes) => [...bytes]),
    fc
      .tuple(byte, byte, fc.array(byte, { maxLength: 255 }))
      .map(([high, low, data]) => [3, high, low, data.length, ...data]),
    fc.constant([4]),
  );

  test('are taken off one by one, and not before they are whole', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 5 }), (commands) => {
        let input = Buffer.from(commands.flat());
        for (const bytes of commands) {
          for (let length = 0; length < bytes.length; length += 1) {
            assert.equal(takeCommand(input.subarray(0, length)), undefined);
          }
          const taken = takeCommand(input);
          assert.equal(taken?.length, bytes.length);
          input = input.subarray(bytes.length);
        }
        assert.equal(input.length, 0);
      }),
    );
  });

  test('other first bytes are no command', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 255 }), (first) => {
        assert.equal(takeCommand(Buffer.from([first, 0, 0])), null);
      }),
    );
  });
});

describe('EGD server', () => {
  let servers = 0;

  const start = async (clock = systemClock) => {
    servers += 1;
    const path = scratch.path(`server${servers}`);
    const server = await EgdServer.listen(path, new Pool({ clock }), clock);
    return { path, server };
  };

  /** Sends bytes, and gives back as many as are told to come. */
  const ask = (socket: Socket, request: number[], bytes: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      let received = Buffer.alloc(0);
      const take = (chunk: Buffer): void => {
        received = Buffer.concat([received, chunk]);
        if (received.length >= bytes) {
          socket.off('data', take);
          resolve(received);
        }
      };
      socket.on('data', take);
      socket.once('close', () => reject(new Error('closed')));
      socket.write(Buffer.from(request));
    });

  test('answers every command of the protocol', async () => {
    const { path, server } = await start();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const socket = connect(path);
    assert.ok((await ask(socket, [0], 4)).readUInt32BE() > 0);
    const now = await ask(socket, [1, 40], 41);
    assert.equal(now[0], 40);
    assert.equal(now.length, 41);
    assert.equal((await ask(socket, [2, 255], 255)).length, 255);
    const pid = await ask(socket, [4], 1 + String(process.pid).length);
    assert.equal(pid.toString('latin1', 1), String(process.pid));
    const written = await ask(socket, [3, 0, 8, 2, 1, 2, 1, 1], 2);
    assert.equal(written[0], 1);
    socket.destroy();
    server.close();
  });

  test('is understood by our own source', async () => {
    const { path, server } = await start();
    const source = sourceOf(`egd:${path}`)!;
    assert.equal((await source.read(255)).length, 255);
    source.close();
    server.close();
  });

  test('gives no more than its budget at once, and the rest when time has passed', async () => {
    const clock = { ms: 0, nowSeconds: () => 1, monotonicMs: () => clock.ms };
    const { path, server } = await start(clock);
    const socket = connect(path);
    for (let given = 0; given < 64; given += 1) {
      await ask(socket, [2, 255], 255);
    }
    const rest = 16_384 - 64 * 255;
    const last = await ask(socket, [1, 255], 1 + rest);
    assert.equal(last[0], rest);
    assert.deepEqual([...(await ask(socket, [1, 255], 1))], [0]);
    const waiting = ask(socket, [2, 100], 100);
    clock.ms += 1000;
    assert.equal((await waiting).length, 100);
    socket.destroy();
    server.close();
  });

  test('has 64 clients at once, and closes on further ones', async () => {
    const { path, server } = await start();
    const clients = Array.from({ length: 64 }, () => connect(path));
    for (const client of clients) {
      assert.equal((await ask(client, [2, 1], 1)).length, 1);
    }
    const further = connect(path);
    further.on('error', () => further.destroy());
    await once(further, 'close');
    assert.equal((await ask(clients[0]!, [2, 1], 1)).length, 1);
    for (const client of clients) {
      client.destroy();
    }
    server.close();
  });

  test('does not read on from a client that reads no answers', async () => {
    const { path, server } = await start();
    const deaf = connect(path);
    deaf.on('error', () => deaf.destroy());
    const other = connect(path);
    let taken = 0;
    for (let count = 0; count < 500; count += 1) {
      deaf.write(Buffer.alloc(4000), () => (taken += 1));
      await ask(other, [0], 4);
    }
    assert.ok(taken < 300, `${taken} times 4000 commands were taken without an answer read`);
    deaf.destroy();
    other.destroy();
    server.close();
  });

  test('closes on what is no command', async () => {
    const { path, server } = await start();
    await assert.rejects(ask(connect(path), [77], 1), /closed/u);
    server.close();
  });

  test('is fatal where no socket can be made', async () => {
    const pool = new Pool({ clock: systemClock });
    await assert.rejects(EgdServer.listen('/nonexistent/egd', pool, systemClock), {
      code: 'FATAL',
      message: 'tlsmgr_egd_listen = /nonexistent/egd: No such file or directory',
    });
  });
});
