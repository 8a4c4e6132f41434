/**
 * npm run bench: ours beside Postfix's own tlsmgr, in one run on one machine.
 *
 *     npm run bench -- [--rounds N] [--scale F] [--json FILE] [--node PATH] [--rows TEXT] [--check]
 *                      [--only requests | handshakes | start | million] [--seconds S]
 *
 * Both run under a real master(8), pinned to one processor; rounds alternate
 * between them and two floors, in C and in Node. Prints one table of medians; ratios are taken
 * within a round and given with their spread. In the rows `logged` both log each
 * operation of the caches (smtpd_tls_loglevel = 2), to a postlogd(8) of their own. `--check` fails when a ratio is
 * under half of its goal: a gross loss, not noise. Whole handshakes, the start and
 * memory (start.ts), and a million sessions beside a thousand (cache-sizes.ts,
 * cache.ts) follow. Needs root, Postfix, a C compiler and taskset.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  clientProcessor,
  floorContestant,
  nodeFloorContestant,
  originalTlsmgr,
  ourTlsmgr,
  postfixContestant,
  type Contestant,
} from './contestants.ts';
import { measureHandshakes } from './handshakes.ts';
import { type LoggedLines, LogReader } from './log-reader.ts';
import { median, spreadText } from './medians.ts';
import { measure, type Measurement, type Workload } from './measure.ts';
import { residentMegabytes } from './processor-time.ts';

/** A row of the table, with the ratio of requests per second that is wanted. */
interface Row extends Workload {
  goal: number;
  /** Share of the requests that the original, which is slower there, gets. */
  originalShare: number;
}

const rows: readonly Row[] = [
  { operation: 'seed', connections: 1, requests: 60_000, goal: 1.8, originalShare: 0.5 },
  { operation: 'seed', connections: 64, requests: 120_000, goal: 1.5, originalShare: 0.5 },
  { operation: 'policy', connections: 64, requests: 120_000, goal: 1.7, originalShare: 0.5 },
  { operation: 'tktkey', connections: 64, requests: 120_000, goal: 1.7, originalShare: 0.5 },
  { operation: 'miss', connections: 64, requests: 120_000, goal: 1.7, originalShare: 0.5 },
  { operation: 'update', connections: 1, requests: 40_000, goal: 10, originalShare: 0.1 },
  { operation: 'update', connections: 64, requests: 80_000, goal: 15, originalShare: 0.05 },
  { operation: 'lookup', connections: 1, requests: 60_000, goal: 3, originalShare: 0.25 },
  { operation: 'lookup', connections: 64, requests: 120_000, goal: 3.5, originalShare: 0.25 },
  { operation: 'mix', connections: 64, requests: 100_000, goal: 5, originalShare: 0.15 },
  { operation: 'connect', connections: 1, requests: 10_000, goal: 1.3, originalShare: 0.5 },
];

const loggedRows: readonly Row[] = [
  { operation: 'lookup', connections: 1, requests: 40_000, goal: 2, originalShare: 0.5 },
  { operation: 'lookup', connections: 64, requests: 60_000, goal: 2.5, originalShare: 0.4 },
  { operation: 'miss', connections: 1, requests: 40_000, goal: 2, originalShare: 0.5 },
  { operation: 'miss', connections: 64, requests: 60_000, goal: 2.5, originalShare: 0.4 },
  { operation: 'update', connections: 1, requests: 40_000, goal: 10, originalShare: 0.1 },
  { operation: 'update', connections: 64, requests: 60_000, goal: 10, originalShare: 0.05 },
];

interface Result {
  operation: string;
  connections: number;
  goal: number;
  ours: Measurement;
  original: Measurement;
  floor: Measurement;
  nodeFloor: Measurement;
  ratio: number;
  ratios: readonly number[];
  p99Ratio: number;
  /** Of our log, in the rows with logging. */
  lines: LoggedLines;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    json: { type: 'string' },
    node: { type: 'string' },
    rows: { type: 'string', default: '' },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    seconds: { type: 'string', default: '5' },
  },
});
const rounds = Number(values.rounds);
const scale = Number(values.scale);

interface Contestants {
  original: Contestant;
  ours: Contestant;
  floor: Contestant;
  nodeFloor: Contestant;
}

/** `--check` looks at the requests alone. */
function isWanted(part: 'requests' | 'handshakes' | 'start' | 'million'): boolean {
  return values.only === undefined ? part === 'requests' || !values.check : values.only === part;
}

if (isWanted('requests')) {
  await measureRequests();
}
if (isWanted('handshakes')) {
  console.log();
  await measureHandshakes({
    tlsmgr: ourTlsmgr(values.node),
    node: values.node ?? process.execPath,
    rounds,
    seconds: Number(values.seconds),
  });
}
if (isWanted('start')) {
  console.log();
  const node = values.node === undefined ? [] : ['--node', values.node];
  runBeside('start.ts', ...node);
}
if (isWanted('million')) {
  for (let round = 0; round < rounds; round += 1) {
    console.log();
    runBeside('cache-sizes.ts', '--ours', '1000', '1000000');
  }
  console.log();
  runBeside('cache.ts', '1000000');
}

/** A benchmark of its own, which prints. */
function runBeside(program: string, ...args: string[]): void {
  execFileSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, program), ...args], {
    stdio: 'inherit',
  });
}

async function measureRequests(): Promise<void> {
  const floors = {
    floor: await floorContestant(),
    nodeFloor: await nodeFloorContestant(values.node),
  };
  const quiet: Contestants = {
    original: await postfixContestant('original', originalTlsmgr),
    ours: await postfixContestant('ours', ourTlsmgr(values.node)),
    ...floors,
  };
  const { ours } = quiet;
  const idleMegabytes = residentMegabytes(ours.pid);
  const started = new Set(Object.values(quiet));
  try {
    const results: Result[] = [];
    const measureRows = async (wanted: readonly Row[], contestants: Contestants, note: string) => {
      const named = wanted.filter(({ operation }) => `${operation}${note}`.includes(values.rows));
      if (named.length > 0) {
        await warmUp(contestants);
      }
      for (const row of named) {
        results.push(await compare(row, contestants, note));
        printRow(results.at(-1)!, results.length === 1);
      }
    };
    await measureRows(rows, quiet, '');
    const residentAfterwards = residentMegabytes(ours.pid);
    const logs = { smtpd_tls_loglevel: '2' };
    const logged: Contestants = {
      original: await postfixContestant('original-logged', originalTlsmgr, logs),
      ours: await postfixContestant('ours-logged', ourTlsmgr(values.node), logs),
      ...floors,
    };
    started.add(logged.original).add(logged.ours);
    await measureRows(loggedRows, logged, ', logged');
    const summary = {
      node: execFileSync(values.node ?? process.execPath, ['--version'], {
        encoding: 'utf8',
      }).trim(),
      postfix: execFileSync('postconf', ['-d', '-h', 'mail_version'], { encoding: 'utf8' }).trim(),
      kernel: release(),
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      rounds,
      firstAnswerMs: { ours: ours.firstAnswerMs, original: quiet.original.firstAnswerMs },
      residentMegabytes: { idle: idleMegabytes, afterwards: residentAfterwards },
      results,
    };
    printSummary(summary);
    if (values.json !== undefined) {
      writeFileSync(values.json, `${JSON.stringify(summary, undefined, 2)}\n`);
    }
    if (values.check) {
      checkGoals(results);
    }
  } finally {
    await Promise.all(Array.from(started, (contestant) => contestant.stop()));
  }
}

/** Every request once over, so that compiled code and files are as in service. */
async function warmUp(contestants: Contestants): Promise<void> {
  for (const contestant of Object.values(contestants)) {
    const requests = Math.ceil((contestant === contestants.original ? 3000 : 60_000) * scale);
    for (const operation of ['update', 'lookup', 'seed', 'policy', 'tktkey', 'mix'] as const) {
      await measure(contestant, { operation, connections: 64, requests });
    }
    await measure(contestant, { operation: 'connect', connections: 1, requests: 500 });
  }
}

async function compare(row: Row, contestants: Contestants, note: string): Promise<Result> {
  const taken: Record<keyof Contestants, Measurement[]> = {
    ours: [],
    original: [],
    floor: [],
    nodeFloor: [],
  };
  const lines = { written: 0, lost: 0 };
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first changes from round to round.
    const order = ['original', 'ours'] as const;
    for (const name of round % 2 === 0 ? order : order.toReversed()) {
      const contestant = contestants[name];
      const share = name === 'original' ? row.originalShare : 1;
      const requests = Math.max(200, Math.ceil(row.requests * share * scale));
      const reader = note === '' ? undefined : new LogReader(contestant, clientProcessor);
      taken[name].push(await measure(contestant, { ...row, requests }));
      const seen = await reader?.lines();
      if (seen !== undefined && name === 'ours') {
        lines.written += seen.written;
        lines.lost += seen.lost;
      }
    }
    const requests = Math.ceil(row.requests * scale);
    for (const name of ['floor', 'nodeFloor'] as const) {
      taken[name].push(await measure(contestants[name], { ...row, requests }));
    }
  }
  const ratios = taken.ours.map(
    (measurement, round) =>
      measurement.requestsPerSecond / taken.original[round]!.requestsPerSecond,
  );
  const oursMedian = medians(taken.ours);
  const originalMedian = medians(taken.original);
  return {
    operation: `${row.operation}${note}`,
    connections: row.connections,
    goal: row.goal,
    ours: oursMedian,
    original: originalMedian,
    floor: medians(taken.floor),
    nodeFloor: medians(taken.nodeFloor),
    ratio: median(ratios),
    ratios,
    p99Ratio: oursMedian.p99 / originalMedian.p99,
    lines,
  };
}

function medians(measurements: readonly Measurement[]): Measurement {
  const of = (pick: (measurement: Measurement) => number): number => median(measurements.map(pick));
  return {
    requestsPerSecond: of(({ requestsPerSecond }) => requestsPerSecond),
    processorMicroseconds: of(({ processorMicroseconds }) => processorMicroseconds),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    clientBusy: of(({ clientBusy }) => clientBusy),
  };
}

function printRow(result: Result, withHeading: boolean): void {
  if (withHeading) {
    console.log(
      "| request | connections | ours, requests/s | C | ratio (spread) | goal | us of processor, ours | C | floor | Node's floor | p50 us, ours | C | p99 us, ours | C | client busy |",
    );
    console.log(`|${' --- |'.repeat(15)}`);
  }
  const { ours: own, original: other, floor, nodeFloor } = result;
  const cells = [
    result.operation,
    result.connections,
    Math.round(own.requestsPerSecond),
    Math.round(other.requestsPerSecond),
    spreadText(result.ratios),
    result.goal,
    own.processorMicroseconds.toFixed(1),
    other.processorMicroseconds.toFixed(1),
    floor.processorMicroseconds.toFixed(1),
    nodeFloor.processorMicroseconds.toFixed(1),
    own.p50.toFixed(0),
    other.p50.toFixed(0),
    own.p99.toFixed(0),
    other.p99.toFixed(0),
    `${Math.round(own.clientBusy * 100)}%`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

function printSummary(summary: {
  node: string;
  postfix: string;
  kernel: string;
  commit: string;
  firstAnswerMs: { ours: number | undefined; original: number | undefined };
  residentMegabytes: { idle: number; afterwards: number };
  results: readonly Result[];
}): void {
  const { firstAnswerMs, residentMegabytes: memory } = summary;
  console.log(
    `Node ${summary.node}, Postfix ${summary.postfix}, Linux ${summary.kernel}, commit ${summary.commit}`,
  );
  console.log(
    `start to first answer under master: ours ${firstAnswerMs.ours?.toFixed(0)} ms, C ${firstAnswerMs.original?.toFixed(0)} ms`,
  );
  console.log(
    `resident memory of ours: ${memory.idle.toFixed(0)} MB idle, ${memory.afterwards.toFixed(0)} MB afterwards`,
  );
  for (const { operation, connections, lines } of summary.results) {
    if (lines.lost > 0) {
      const all = lines.written + lines.lost;
      console.log(`${operation} at ${connections}: ${lines.lost} of ${all} lines lost`);
    }
  }
}

function checkGoals(results: readonly Result[]): void {
  const lost = results.filter(({ ratio, goal }) => ratio < goal / 2);
  for (const { operation, connections, ratio, goal } of lost) {
    console.error(
      `${operation} at ${connections} connections: ratio ${ratio.toFixed(2)}, goal ${goal}`,
    );
  }
  if (lost.length > 0) {
    process.exitCode = 1;
  }
}
