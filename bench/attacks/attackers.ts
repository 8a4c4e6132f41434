/**
 * Clients that mean harm, each by one way that was once found to work. A process
 * of its own: what it costs must not slow the client that measures.
 *
 *     node --import tsx bench/attacks/attackers.ts NAME SOCKET METRICS_PORT SECONDS
 *
 * An attack is a round that is repeated until the time is over. Each round
 * holds its connections for a while and drops them.
 */
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { patientClient } from '../../test/patient-client.ts';
import { eventOrEnd, openSocket } from '../../test/socket/plain-socket.ts';

const [name = '', socketPath = '', port = '', seconds = ''] = process.argv.slice(2);
/** Not the address of the one who reads the metrics. */
const localAddress = '127.0.0.2';
const untilMs = performance.now() + Number(seconds) * 1000;

const list = (...words: string[]): Buffer => Buffer.from(`${words.join('\0')}\0\0`, 'latin1');
const lookup = list('request', 'lookup', 'cache_type', 'smtpd', 'cache_id', 'known-1');
const stats = list('request', 'stats');
const page = list('request', 'list', 'cache_type', 'smtp', 'cursor', '', 'limit', '500');
const seed = list('request', 'seed', 'size', '255');
const flush = list('request', 'flush', 'cache_type', 'lmtp');

async function open(count: number): Promise<Socket[]> {
  const sockets = [];
  for (let opened = 0; opened < count; opened += 1) {
    sockets.push(await openSocket(socketPath));
  }
  return sockets;
}

async function holdAndDrop(sockets: readonly Socket[], milliseconds: number): Promise<void> {
  await sleep(milliseconds);
  for (const socket of sockets) {
    socket.destroy();
  }
}

/** Sends requests ahead without end and reads every reply. */
async function pipeline(what: Buffer, milliseconds: number): Promise<void> {
  const socket = await openSocket(socketPath);
  socket.resume();
  const block = Buffer.concat(Array<Buffer>(500).fill(what));
  const endMs = performance.now() + milliseconds;
  while (performance.now() < endMs && !socket.destroyed) {
    if (!socket.write(block)) {
      await Promise.race([eventOrEnd(socket, 'drain'), sleep(milliseconds)]);
    }
  }
  socket.destroy();
}

/** Sends many replies' worth of requests and reads none. */
async function unread(what: Buffer, clients: number): Promise<void> {
  const sockets = await open(clients);
  for (const socket of sockets) {
    socket.pause();
    socket.write(Buffer.concat(Array<Buffer>(2000).fill(what)));
  }
  await holdAndDrop(sockets, 3000);
}

/** Stores sessions under ids as long as they are taken. */
async function longIds(): Promise<void> {
  const client = patientClient(socketPath);
  for (const bytes of [100, 4000, 60_000, 850_000]) {
    for (let number = 0; number < 75; number += 1) {
      const id = Buffer.alloc(bytes, 'x');
      id.write(`long-${number}-`);
      // It may refuse: the next is tried.
      await client.update('smtp', id, Buffer.alloc(100, 1)).catch(() => {});
    }
  }
  void client.close();
  await unread(page, 12);
}

/** Each holds as much of a request as is allowed to wait for its end. */
async function halfRequests(): Promise<void> {
  const sockets = await open(300);
  const half = Buffer.concat([
    Buffer.from('request\0update\0cache_type\0smtpd\0cache_id\0half\0session\0'),
    Buffer.alloc(1_000_000, 'A'),
  ]);
  for (const socket of sockets) {
    socket.resume();
    socket.write(half);
  }
  await holdAndDrop(sockets, 5000);
}

/** A wake-up behind replies that nobody reads. */
async function wakeUps(): Promise<void> {
  const sockets = await open(20);
  for (const socket of sockets) {
    socket.pause();
    socket.write(Buffer.concat([...Array<Buffer>(2000).fill(seed), Buffer.from('W\0')]));
  }
  await holdAndDrop(sockets, 2000);
}

async function noise(): Promise<void> {
  for (const socket of await open(100)) {
    socket.resume();
    socket.end(Buffer.alloc(500, String.fromCharCode(33 + Math.floor(Math.random() * 90), 0)));
  }
  await sleep(500);
}

async function comeAndGo(): Promise<void> {
  for (const socket of await open(500)) {
    socket.destroy();
  }
  await sleep(200);
}

/** Asks over HTTP and leaves before the answer, by names that are refused, or without end. */
async function http(): Promise<void> {
  const asked = Array.from({ length: 200 }, (_, number) => {
    const headers = number % 2 === 0 ? { host: 'elsewhere.example' } : {};
    const place = { host: '127.0.0.1', port: Number(port), localAddress };
    const options = { ...place, path: '/metrics', headers, agent: false };
    const asking = request(options, (response) => response.resume());
    asking.on('error', () => asking.destroy()).end();
    return asking;
  });
  await sleep(300);
  for (const asking of asked) {
    asking.destroy();
  }
}

/** Holds as many connections as there are, with half a header. */
async function httpHeld(): Promise<void> {
  const held = Array.from({ length: 24 }, () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), localAddress });
    socket.on('error', () => socket.destroy());
    socket.write('GET /metrics HTTP/1.1\r\nHost: loc');
    return socket;
  });
  await holdAndDrop(held, 2000);
}

const attacks: Record<string, () => Promise<void>> = {
  'pipelined look-ups': () => pipeline(lookup, 5000),
  'pipelined stats': () => pipeline(stats, 5000),
  'pipelined list': () => pipeline(page, 5000),
  'pipelined flush': () => pipeline(flush, 5000),
  'unread stats': () => unread(stats, 20),
  'long ids, unread list': longIds,
  'half requests': halfRequests,
  'wake-ups behind unread replies': wakeUps,
  noise,
  'come and go': comeAndGo,
  http,
  'http held': httpHeld,
};

if (name === '') {
  console.log(Object.keys(attacks).join('\n'));
} else {
  const attack = attacks[name];
  if (attack === undefined) {
    throw new Error(`no attack is called ${name}`);
  }
  let rounds = 0;
  while (performance.now() < untilMs) {
    await attack();
    rounds += 1;
  }
  console.log(`${name}: ${rounds} rounds`);
  process.exit(0);
}
