import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { EgdServer } from '../../src/prng/egd-server.ts';
import { Pool } from '../../src/prng/pool.ts';
import { systemClock } from '../../src/system/clock.ts';
import { startService } from '../socket/harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-socket-'));
after(() => rmSync(folder, { recursive: true, force: true }));

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

    test('leaves the umask as it was', async () => {
      const mask = process.umask();
      (await listen(join(folder, 'mask'))).close();
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
