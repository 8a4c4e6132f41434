/** Clients that nobody wishes for. Each holds on for a while and leaves. */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventOrEnd, openSocket } from '../../test/socket/plain-socket.ts';

const holdMs = 2000;

const policyRequest = Buffer.from('request\0policy\0cache_type\0smtpd\0\0', 'latin1');

export async function halfRequest(path: string): Promise<void> {
  const socket = await openSocket(path);
  socket.resume();
  socket.write('request\0look');
  await sleep(holdMs);
  socket.destroy();
}

export async function neverReads(path: string): Promise<void> {
  const socket = await openSocket(path);
  socket.pause();
  socket.write(Buffer.concat(Array<Buffer>(20_000).fill(policyRequest)));
  await sleep(holdMs);
  socket.destroy();
}

export async function manyIdle(path: string): Promise<void> {
  const sockets = [];
  for (let count = 0; count < 2000; count += 1) {
    const socket = await openSocket(path);
    socket.resume();
    sockets.push(socket);
  }
  await sleep(holdMs);
  for (const socket of sockets) {
    socket.destroy();
  }
}

export async function connectAndClose(path: string): Promise<void> {
  for (let count = 0; count < 5000; count += 1) {
    const socket = await openSocket(path);
    socket.destroy();
  }
}

export async function flood(path: string): Promise<void> {
  const socket = await openSocket(path);
  socket.resume();
  const block = Buffer.concat(Array<Buffer>(2000).fill(policyRequest));
  const untilMs = performance.now() + holdMs;
  while (performance.now() < untilMs && !socket.destroyed) {
    if (!socket.write(block)) {
      await Promise.race([eventOrEnd(socket, 'drain'), sleep(holdMs)]);
    }
  }
  socket.destroy();
}

export async function longValue(path: string): Promise<void> {
  const socket = await openSocket(path);
  socket.resume();
  socket.write('request\0update\0cache_type\0smtpd\0cache_id\0long\0session\0');
  const block = Buffer.alloc(1_000_000, 'A');
  for (let megabytes = 0; megabytes < 320 && !socket.destroyed; megabytes += 1) {
    if (!socket.write(block)) {
      await Promise.race([eventOrEnd(socket, 'drain'), sleep(30_000)]);
    }
  }
  socket.destroy();
}

export async function noise(path: string): Promise<void> {
  for (let count = 0; count < 200; count += 1) {
    const socket = await openSocket(path);
    socket.resume();
    socket.end(Buffer.alloc(500, String.fromCharCode(33 + (count % 90), 0, count % 256)));
    await Promise.race([eventOrEnd(socket, 'close'), sleep(1000)]);
    socket.destroy();
  }
}
