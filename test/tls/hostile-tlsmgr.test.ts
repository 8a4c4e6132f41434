/** A daemon socket that answers anything: the process of the server never ends by it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, test } from 'node:test';
import { scopedKeyBytes } from '../../src/tickets/scoped-key.ts';
import { announcement, list } from '../socket/harness.ts';

const child = fileURLToPath(new URL('./hostile-child.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-'));
after(() => rmSync(folder, { recursive: true }));

const keys = (bytes: Buffer): string => list('status', '0', 'keys', bytes.toString('base64'));
/** A key with random secrets and these times. */
const keyAt = (from: bigint, until: bigint, open: bigint): Buffer => {
  const key = randomBytes(scopedKeyBytes);
  [from, until, open].forEach((time, index) => key.writeBigInt64BE(time, 64 + index * 8));
  return key;
};
const now = BigInt(Math.floor(Date.now() / 1000));

const policy = list('status', '0', 'cachable', '1', 'timeout', '3600');
const seed = list('status', '0', 'seed', 'QQ==');

const answers: string[] = [
  keys(Buffer.alloc(0)),
  keys(Buffer.alloc(1)),
  keys(Buffer.alloc(scopedKeyBytes - 1, 7)),
  keys(Buffer.alloc(scopedKeyBytes)),
  keys(randomBytes(scopedKeyBytes)),
  keys(randomBytes(scopedKeyBytes * 40)),
  keys(keyAt(now, now - 1n, now + 100n)),
  keys(keyAt(-(2n ** 63n), 2n ** 63n - 1n, 2n ** 63n - 1n)),
  keys(keyAt(now, 2n ** 52n, 2n ** 53n - 1n)),
  list('status', '0', 'keys', '!!!'),
  list('status', '0'),
  list('status', 'x', 'keys', ''),
  list('keys', 'AAAA'),
  list('status', '0', 'keybuf', Buffer.alloc(87, 1).toString('base64')),
  'no list at all',
  '\0\0\0\0',
  '',
];

test('answers of any form end no process and no handshake, and no key of them is taken', async () => {
  const path = join(folder, 'socket');
  const asked = new Set<string>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write(announcement);
    socket.on('data', (request: Buffer) => {
      // A client first finds out who serves.
      const asks = request.toString('latin1');
      const known = ['policy', 'seed'].find((name) => asks.startsWith(`request\0${name}\0`));
      if (known !== undefined) {
        socket.write(known === 'seed' ? seed : policy + policy);
        return;
      }
      const scope = /\0scope\0(\d+)\0/u.exec(asks)?.[1];
      if (scope !== undefined) {
        asked.add(scope);
      }
      socket.end(Buffer.from(answers[Number(scope ?? 0)]!, 'latin1'));
    });
  });
  server.listen(path);
  await once(server, 'listening');
  const said = await new Promise<string>((resolve) => {
    const args = ['--import', 'tsx', child, path, String(answers.length)];
    execFile(process.execPath, args, (error, stdout, stderr) => {
      resolve(error === null ? stdout.trim() : `ended: ${stdout} ${stderr}`);
    });
  });
  assert.equal(said, 'waiting with 0 keys');
  assert.equal(asked.size, answers.length);
  sockets.forEach((socket) => socket.destroy());
  server.close();
});
