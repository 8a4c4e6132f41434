import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { Prng } from '../../src/prng/prng.ts';
import { longestRead, sourceOf } from '../../src/prng/source.ts';
import { systemClock } from '../../src/system/clock.ts';
import { keepingLog, scratchFolder, settings } from './scratch.ts';

const scratch = scratchFolder();
// Nothing of the pool's keeps a process alive.
const alive = setInterval(() => {}, 1000);
after(() => {
  clearInterval(alive);
  scratch.remove();
});

/** Short, but far longer than an answer of a healthy source takes. */
const timeoutMs = 300;

/** An EGD server that treats each request as told. */
async function egdServer(
  name: string,
  answer: (socket: Socket, bytes: number) => void,
): Promise<{ path: string; server: Server; sockets: Socket[] }> {
  const path = scratch.path(name);
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (request) => answer(socket, request[1]!));
  });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return { path, server, sockets };
}

function counted(bytes: number): Buffer {
  return Buffer.concat([Buffer.from([bytes]), Buffer.alloc(bytes, 'varied data ')]);
}

describe('sources', () => {
  test('a device gives what is asked for', async () => {
    const source = sourceOf('dev:/dev/urandom')!;
    await source.open();
    assert.equal((await source.read(longestRead)).length, longestRead);
    source.close();
  });

  test('a device at its end, a missing one and a silent one are faults with their reasons', async () => {
    const fifo = scratch.path('fifo');
    execFileSync('mkfifo', [fifo]);
    // Held open for writing, or a read would be at its end at once.
    const holder = openSync(fifo, 'r+');
    const table: [string, RegExp][] = [
      ['dev:/dev/null', /^cannot read from entropy device \/dev\/null: end of file$/u],
      [
        'dev:/nonexistent',
        /^cannot open entropy device \/nonexistent: No such file or directory$/u,
      ],
      [`dev:${fifo}`, /^cannot read from entropy device .*: Connection timed out$/u],
    ];
    for (const [value, message] of table) {
      const source = sourceOf(value, timeoutMs)!;
      await assert.rejects(() => source.read(32), { code: 'SOURCE', message });
      source.close();
    }
    closeSync(holder);
  });

  test('a file is read up to what is asked for, and no further', async () => {
    const path = scratch.path('file');
    writeFileSync(path, Buffer.alloc(20_000, 'x'));
    assert.equal((await sourceOf(path)!.read(16_500)).length, 16_500);
    assert.equal((await sourceOf(path)!.read(30_000)).length, 20_000);
    await assert.rejects(() => sourceOf(scratch.path('none'))!.read(1), {
      code: 'SOURCE',
      message: /^cannot read from entropy file .*: No such file or directory$/u,
    });
  });

  test('a file that is a FIFO is a fault, and nobody waits for its writer', async () => {
    const path = scratch.path('file-fifo');
    execFileSync('mkfifo', [path]);
    await assert.rejects(() => sourceOf(path)!.open(), {
      code: 'SOURCE',
      message: `cannot read from entropy file ${path}: not a regular file or character device`,
    });
    assert.equal((await sourceOf('/dev/urandom')!.read(32)).length, 32);
  });

  test('an EGD server gives what it has, in any pieces', async () => {
    const { path, server, sockets } = await egdServer('egd', (socket, bytes) => {
      for (const byte of counted(Math.min(bytes, 20))) {
        socket.write(Buffer.from([byte]));
      }
    });
    const source = sourceOf(`egd:${path}`)!;
    assert.deepEqual(await source.read(255), counted(20).subarray(1));
    assert.deepEqual(await source.read(7), counted(7).subarray(1));
    assert.equal(sockets.length, 1);
    source.close();
    server.close();
  });

  test('an EGD server that closes, stays silent, stops half-way or has nothing is a fault', async () => {
    const lost = /^lost connection to EGD server /u;
    const table: [string, (socket: Socket) => void, RegExp][] = [
      ['closes', (socket) => void socket.destroy(), lost],
      ['silent', () => {}, lost],
      ['half', (socket) => void socket.write(counted(32).subarray(0, 10)), lost],
      [
        'zero',
        (socket) => void socket.write(counted(0)),
        /^EGD server .* reports zero bytes available$/u,
      ],
    ];
    for (const [name, answer, message] of table) {
      const { path, server, sockets } = await egdServer(name, answer);
      const source = sourceOf(`egd:${path}`, timeoutMs)!;
      await assert.rejects(() => source.read(32), { code: 'SOURCE', message }, name);
      source.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      server.close();
    }
  });
});

describe('a manager whose source fails', () => {
  test('serves on, says once that it is gone and once that it is back', async () => {
    let healthy = false;
    const { path, server, sockets } = await egdServer('flaky', (socket, bytes) => {
      if (healthy) {
        socket.write(counted(bytes));
      } else {
        socket.destroy();
      }
    });
    const log = keepingLog();
    const prng = new Prng(settings({ source: `egd:${path}` }), {
      log,
      clock: systemClock,
      sourceTimeoutMs: timeoutMs,
    });
    await prng.openSource();
    prng.start();
    await log.until(/lost connection/u);
    const seed = Buffer.alloc(32);
    prng.pool.fill(seed, 0, 32);
    assert.ok(seed.some((byte) => byte !== 0));
    assert.equal(prng.statistics().sourceHealthy, false);
    healthy = true;
    await log.until(/is back/u);
    assert.equal(prng.statistics().sourceHealthy, true);
    assert.equal(prng.statistics().reseeds, 1);
    assert.deepEqual(log.lines, [
      `warning: lost connection to EGD server ${path}`,
      `info: entropy source egd:${path} is back`,
    ]);
    prng.close();
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });

  test('reports a stuck device once and credits it nothing', async () => {
    const log = keepingLog();
    const prng = new Prng(settings({ source: 'dev:/dev/zero', reseedPeriodSeconds: 1 }), {
      log,
      clock: systemClock,
    });
    await prng.openSource();
    prng.start();
    await log.until(/health test/u);
    assert.deepEqual(log.lines, [
      'warning: entropy source dev:/dev/zero fails its health test: its data counts for nothing',
    ]);
    assert.equal(prng.statistics().reseeds, 0);
    assert.equal(prng.statistics().sourceHealthy, false);
    prng.close();
  });

  test('without a source says the two warnings of the original', () => {
    const log = keepingLog();
    const prng = new Prng(settings({}), { log, clock: systemClock });
    assert.deepEqual(log.lines, [
      'warning: no entropy source specified with parameter tls_random_source',
      'warning: encryption keys etc. may be predictable',
    ]);
    prng.close();
  });

  test('a source that is missing at start is tried again, and found', async () => {
    const path = scratch.path('late');
    const log = keepingLog();
    const prng = new Prng(settings({ source: `egd:${path}` }), { log, clock: systemClock });
    await prng.openSource();
    prng.start();
    const { server, sockets } = await egdServer('late', (socket, bytes) => {
      socket.write(counted(bytes));
    });
    await log.until(/is back/u);
    assert.deepEqual(log.lines, [
      `warning: cannot connect to EGD server ${path}: No such file or directory`,
      `info: entropy source egd:${path} is back`,
    ]);
    prng.close();
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });
});
