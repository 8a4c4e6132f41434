/**
 * The longest time that a client waits for a seed while a source or the
 * exchange file fails, beside a healthy source:
 *
 *     node --import tsx bench/source-faults.ts
 *
 * Each fault gets a standalone daemon of its own, asked for a seed again and
 * again; the silent sources long enough to reach their time limit of 10 s.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { patientClient } from '../test/patient-client.ts';
import type { Report } from '../src/report/report.ts';

const shortSeconds = 3;
const longSeconds = 13;
const faultAtMs = 1000;

interface Fault {
  name: string;
  source?: string;
  seconds?: number;
  /** Done a second into the run. */
  strike?: (exchange: string) => void;
}

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-faults-'));
chmodSync(folder, 0o700);
const fifo = join(folder, 'fifo');
execFileSync('mkfifo', [fifo]);
openSync(fifo, 'r+');

function egd(name: string, answer: (socket: Socket, bytes: number) => void): string {
  const path = join(folder, name);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (request) => answer(socket, request[1]!));
  });
  server.listen(path);
  server.unref();
  return `egd:${path}`;
}

const faults: Fault[] = [
  { name: 'healthy (dev:/dev/urandom)', source: 'dev:/dev/urandom' },
  { name: 'none in main.cf', source: '' },
  { name: 'missing device', source: 'dev:/nonexistent' },
  { name: 'missing EGD server', source: `egd:${join(folder, 'nobody')}` },
  { name: 'missing file', source: join(folder, 'nofile') },
  { name: 'device at its end (dev:/dev/null)', source: 'dev:/dev/null' },
  { name: 'stuck device (dev:/dev/zero)', source: 'dev:/dev/zero' },
  { name: 'silent device (FIFO)', source: `dev:${fifo}`, seconds: longSeconds },
  { name: 'EGD: silent', source: egd('silent', () => {}), seconds: longSeconds },
  {
    name: 'EGD: stops half-way',
    source: egd('half', (socket, bytes) => void socket.write(Buffer.alloc(bytes / 2, bytes))),
    seconds: longSeconds,
  },
  { name: 'EGD: closes', source: egd('closes', (socket) => void socket.destroy()) },
  { name: 'EGD: zero bytes', source: egd('zero', (socket) => void socket.write(Buffer.alloc(1))) },
  {
    name: 'EGD: fewer bytes than asked',
    source: egd('few', (socket) => void socket.write(Buffer.from([3, 1, 2, 3]))),
  },
  { name: 'exchange file removed', strike: (exchange) => unlinkSync(exchange) },
  {
    name: 'exchange file truncated',
    strike: (exchange) => void execFileSync('truncate', ['-s', '0', exchange]),
  },
  {
    name: 'exchange file locked by another',
    strike: (exchange) => spawn('flock', [exchange, 'sleep', '3'], { stdio: 'ignore' }).unref(),
  },
];

console.log('| fault | seeds served | longest wait, ms | what the daemon said |');
console.log('| --- | --- | --- | --- |');
for (const [index, fault] of faults.entries()) {
  await run(fault, index);
}
rmSync(folder, { recursive: true });
process.exit(0);

async function run(fault: Fault, index: number): Promise<void> {
  const place = join(folder, `run${index}`);
  mkdirSync(place);
  const socketPath = join(place, 's');
  const daemon = spawn(
    process.execPath,
    [
      join(import.meta.dirname, '../dist/program/main.js'),
      'serve',
      '--socket',
      socketPath,
      '-o',
      `tls_random_source=${fault.source ?? 'dev:/dev/urandom'}`,
      '-o',
      'tls_random_prng_update_period=1',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  daemon.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes('serving on')) {
    await pause(10);
  }
  const client = patientClient(socketPath);
  await client.seed(32);
  const endMs = performance.now() + (fault.seconds ?? shortSeconds) * 1000;
  const strikeMs = performance.now() + faultAtMs;
  let strike = fault.strike;
  let longestMs = 0;
  let served = 0;
  while (performance.now() < endMs) {
    if (strike !== undefined && performance.now() > strikeMs) {
      strike(join(place, 'prng_exch'));
      strike = undefined;
    }
    const startedMs = performance.now();
    await client.seed(32);
    longestMs = Math.max(longestMs, performance.now() - startedMs);
    served += 1;
    await pause(1);
  }
  const report = (await client.stats()) as Report;
  void client.close();
  daemon.kill('SIGINT');
  await new Promise((resolve) => {
    daemon.once('exit', resolve);
  });
  const lines = said
    .split('\n')
    .filter((line) => /warning|back|fatal/u.test(line))
    .map((line) => line.replace(/^.*?tlsmgr: /u, '').replaceAll(folder, '/x'));
  const health = report.prng.sourceHealthy ? '' : ' (status: failing)';
  console.log(
    `| ${fault.name} | ${served} | ${longestMs.toFixed(1)} | ${lines.join('; ') || 'nothing'}${health} |`,
  );
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
