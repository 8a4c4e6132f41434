/**
 * How long a start takes, and how much memory the daemon has: ours under master(8),
 * Postfix's own, and a node that does nothing, in one run on one processor.
 *
 *     node --import tsx bench/start.ts [--node PATH] [--rounds N] [--json FILE]
 *
 * A start of a daemon is from the first connection to the first answer, after a
 * reload. That of bare node is from its execution to its first line, and, in
 * brackets, to its end. Memory is resident memory, and in brackets the part that
 * isn't the file of a program. Needs root, Postfix, a C compiler and taskset.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  daemonProcessor,
  installedTlsmgr,
  originalTlsmgr,
  postfixContestant,
} from './contestants.ts';
import { measure } from './measure.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    node: { type: 'string' },
    json: { type: 'string' },
    launcher: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const node = values.node ?? process.execPath;

/** By then nothing of the start is left to do. */
const settledMs = 5000;
const millionRequests = 1_000_000;

const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-bench-start-'));
const script = join(scratch, 'bare.cjs');
writeFileSync(
  script,
  `require('node:fs').writeSync(1, 'x'); if (process.argv[2]) setInterval(() => {}, 1e6);`,
);
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));
const pinned = ['-c', String(daemonProcessor), node, script];
/** As poor as master's: NODE_EXTRA_CA_CERTS alone takes 40 ms of a start. */
const env = {};

const original = await postfixContestant('original', originalTlsmgr);
const ours = await postfixContestant(
  'ours',
  values.launcher ?? (await installedTlsmgr(values.node)),
);
try {
  const taken = {
    ours: [] as number[],
    original: [] as number[],
    bareFirst: [] as number[],
    bareEnd: [] as number[],
  };
  for (let round = 0; round < rounds; round += 1) {
    const bare = await startBare();
    taken.bareFirst.push(bare.firstMs);
    taken.bareEnd.push(bare.endMs);
    taken.original.push(await original.startAgain());
    taken.ours.push(await ours.startAgain());
  }
  const idleBare = spawn('taskset', [...pinned, 'stay'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(idleBare.stdout, 'data');
  await sleep(settledMs);
  const bare = memoryOf(idleBare.pid!);
  const idle = memoryOf(ours.pid);
  idleBare.kill();
  await measure(ours, { operation: 'mix', connections: 64, requests: millionRequests });
  const loaded = memoryOf(ours.pid);
  await sleep(settledMs);
  const summary = {
    node: execFileSync(node, ['--version'], { encoding: 'utf8' }).trim(),
    rounds,
    startMs: Object.fromEntries(
      Object.entries(taken).map(([name, numbers]) => [
        name,
        { least: Math.min(...numbers), median: median(numbers) },
      ]),
    ),
    megabytes: { bare, idle, loaded, idleAgain: memoryOf(ours.pid) },
  };
  print(summary);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(summary, undefined, 2)}\n`);
  }
} finally {
  await Promise.all([original, ours].map((contestant) => contestant.stop()));
}

async function startBare(): Promise<{ firstMs: number; endMs: number }> {
  const startedMs = performance.now();
  const child = spawn('taskset', pinned, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const end = once(child, 'close');
  await once(child.stdout, 'data');
  const firstMs = performance.now() - startedMs;
  await end;
  return { firstMs, endMs: performance.now() - startedMs };
}

interface Memory {
  all: number;
  /** What isn't a page of a file. */
  own: number;
}

function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name: string): number =>
    (1024 * Number(new RegExp(`^${name}:\\s*(\\d+)`, 'mu').exec(text)![1])) / 1e6;
  return { all: of('VmRSS'), own: of('RssAnon') };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)]!;
}

function print(summary: {
  node: string;
  startMs: Record<string, { least: number; median: number }>;
  megabytes: Record<string, Memory>;
}): void {
  const { node: version, startMs, megabytes } = summary;
  console.log(`Node ${version}, ${rounds} starts each, ms: least, median`);
  for (const [name, { least, median: middle }] of Object.entries(startMs)) {
    console.log(`  ${name}: ${least.toFixed(1)}, ${middle.toFixed(1)}`);
  }
  console.log('MB: all, and without pages of files');
  for (const [name, { all, own }] of Object.entries(megabytes)) {
    console.log(`  ${name}: ${all.toFixed(1)}, ${own.toFixed(1)}`);
  }
}
