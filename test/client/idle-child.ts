/** Asks a server of its own, and then has nothing to do: the server and the client are let go. */
import { createServer } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { TlsmgrClient } from '../../src/client/client.ts';
import { announcement, list } from '../socket/harness.ts';

const folder = mkdtempSync('/tmp/tlsmgr-idle-');
process.on('exit', () => rmSync(folder, { recursive: true }));
const socketPath = `${folder}/socket`;
const server = createServer((socket) => {
  socket.write(announcement);
  socket.unref().on('data', (chunk) => {
    const isSeed = chunk.includes('\0seed\0');
    const policy = list('status', '0', 'cachable', '1', 'timeout', '3600');
    socket.write(isSeed ? list('status', '0', 'seed', 'QQ==') : policy + policy);
  });
});
server.listen(socketPath).unref();
const client = new TlsmgrClient({ socketPath, deadlineMs: 60_000 });
await client.seed(1);
process.stdout.write(`${client.state}\n`);
