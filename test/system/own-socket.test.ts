import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import { whoAnswers } from '../../src/cli/probe.ts';
import { patientClient } from '../patient-client.ts';
import { MetricsEndpoint } from '../../src/metrics/endpoint.ts';
import { EgdServer } from '../../src/prng/egd-server.ts';
import { EgdSource } from '../../src/prng/egd-source.ts';
import { Pool } from '../../src/prng/pool.ts';
import { connectUnix } from '../../src/system/calls.ts';
import { systemClock } from '../../src/system/clock.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';

import { startService } from '../socket/harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-socket-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const longestPathBytes = 107;

/** A socket file whose process is gone without having removed it. */
function leaveSocket(path: string): void {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  assert.ok(statSync(path).isSocket());
}

const kinds: [string, (path: string) => Promise<{ close: () => void }>][] = [
  [
    'of the service',
    async (path) => {
      const running = await startService({ publicInterfacesOnly: false, path });
      return { close: () => running.stop() };
    },
  ],
  ['of EGD', async (path) => EgdServer.listen(path, new Pool({ clock: systemClock }), systemClock)],
];

const metricsKind: (typeof kinds)[number] = [
  'of metrics',
  async (path) => {
    const address = { kind: 'unix', path } as const;
    const endpoint = new MetricsEndpoint({ address, hostname: 'localhost', log: new LogLines() });
    await endpoint.listenOnPath();
    return endpoint;
  },
];

for (const [kind, listen] of [...kinds, metricsKind]) {
  describe(`a socket ${kind}, at its end`, () => {
    test('removes no file and no socket that stands at its path by then', async () => {
      const path = join(folder, 'taken');
      for (const put of [() => writeFileSync(path, 'not ours'), () => leaveSocket(path)]) {
        const listener = await listen(path);
        rmSync(path);
        put();
        const { ino } = statSync(path);
        listener.close();
        assert.equal(statSync(path).ino, ino);
        rmSync(path);
      }
      const listener = await listen(path);
      listener.close();
      assert.equal(existsSync(path), false);
    });
  });
}

for (const [kind, listen] of kinds) {
  describe(`a socket ${kind}`, () => {
    test('takes the place of one that nobody serves any more', async () => {
      const path = join(folder, 'stale');
      leaveSocket(path);
      const listener = await listen(path);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      listener.close();
      assert.equal(existsSync(path), false);
    });

    test('never takes the place of a file', async () => {
      const path = join(folder, 'precious');
      writeFileSync(path, 'not ours');
      await assert.rejects(listen(path), { code: 'FATAL', message: /Address already in use$/u });
      assert.equal(readFileSync(path, 'utf8'), 'not ours');
    });

    test('leaves the umask as it was, also beside another', async () => {
      const mask = process.umask();
      const listeners = await Promise.all([
        listen(join(folder, 'mask')),
        listen(join(folder, 'mask-too')),
      ]);
      for (const listener of listeners) {
        listener.close();
      }
      assert.equal(process.umask(), mask);
      await assert.rejects(listen(join(folder, 'none/socket')), {
        code: 'FATAL',
        message: /No such file or directory$/u,
      });
      assert.equal(process.umask(), mask);
    });
  });
}

/** A server that accepts nobody, whose queue is full. @returns what ends it. */
async function busyServer(path: string): Promise<() => void> {
  const script = `require('net').createServer().listen({ path: ${JSON.stringify(path)}, backlog: 0 }, () => process.kill(process.pid, 'SIGSTOP'))`;
  const child = spawn(process.execPath, ['-e', script]);
  const waiting: Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = connect(path);
    waiting.push(socket);
    isFull = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(false));
      // Until it listens there is no such file.
      socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EAGAIN'));
    });
  }
  return () => {
    child.kill('SIGKILL');
    for (const socket of waiting) {
      socket.destroy();
    }
  };
}

test('a server that is too busy to answer keeps its socket', async () => {
  const path = join(folder, 'busy');
  const end = await busyServer(path);
  const { ino } = statSync(path);
  const refusals: [string, RegExp][] = [
    ['of the service', /^another process serves /u],
    ['of EGD', /Address already in use$/u],
  ];
  for (const [kind, listen] of kinds) {
    const message = refusals.find(([name]) => name === kind)![1];
    await assert.rejects(listen(path), { code: 'FATAL', message });
  }
  assert.equal(statSync(path).ino, ino);
  end();
});

describe('a path that is longer than that of a socket', () => {
  const fitting = join(folder, 'x'.repeat(longestPathBytes - folder.length - 1));
  const long = `${fitting}y`;
  const reason = /: its path has 108 bytes, that of a socket at most 107$/u;

  for (const [kind, listen] of kinds) {
    test(`is no socket ${kind}, and one that fits is`, async () => {
      await assert.rejects(listen(long), (error: Error) => {
        assert.match(error.message, reason);
        return error.message.includes(long);
      });
      assert.equal(existsSync(fitting), false);
      (await listen(fitting)).close();
    });
  }

  test('is not connected to under a shorter name', async () => {
    const server = createServer((socket) => socket.destroy());
    server.listen(fitting);
    await once(server, 'listening');
    const client = patientClient(long);
    await assert.rejects(client.seed(32), {
      code: 'UNAVAILABLE',
      message: `${long}: its path has 108 bytes, that of a socket at most 107`,
    });
    await assert.rejects(new EgdSource(long, 1000).open(), {
      code: 'SOURCE',
      message: `cannot connect to EGD server ${long}: its path has 108 bytes, that of a socket at most 107`,
    });
    await assert.rejects(whoAnswers({ socketPath: long, announcement: true }, 1000), {
      code: 'UNAVAILABLE',
      message: `${long}: its path has 108 bytes, that of a socket at most 107`,
    });
    assert.throws(() => connectUnix(long, 'stream'), { code: 'ENAMETOOLONG' });
    server.close();
  });

  test(
    'is refused by name by serve and by the verbs',
    { skip: notBuilt, timeout: 20_000 },
    async () => {
      const tlsmgr = new Standalone();
      const socket = `deep/${'x'.repeat(120)}`;
      const path = join(tlsmgr.folder, socket);
      const bytes = path.length;
      const served = await tlsmgr.run('serve', '--socket', socket);
      assert.equal(served.status, 1);
      const why = `its path has ${bytes} bytes, that of a socket at most 107`;
      assert.ok(served.err.includes(`listen on ${path}: ${why}`), served.err);
      assert.equal(existsSync(join(tlsmgr.folder, 'deep')), false);
      const asked = await tlsmgr.run('status', '--socket', path);
      assert.equal(asked.status, 3);
      assert.ok(asked.err.includes(`${path}: ${why}`), asked.err);
      tlsmgr.remove();
    },
  );
});

test('a server of another is told by its answer, not by its file', async () => {
  const path = join(folder, 'served');
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  await assert.rejects(startService({ publicInterfacesOnly: false, path }), {
    code: 'FATAL',
    message: `another process serves ${path}`,
  });
  server.close();
});
