/**
 * npm run bench: ours beside Postfix's own tlsmgr, in one run on one machine.
 *
 *     npm run bench -- [--rounds N] [--scale F] [--json FILE] [--node PATH] [--check]
 *                      [--only requests | handshakes] [--seconds S]
 *
 * Both run under a real master(8), pinned to one processor; rounds alternate
 * between them and the floor. Prints one table of medians; ratios are taken
 * within a round and given with their spread. `--check` fails when a ratio is
 * under half of its goal: a gross loss, not noise. Needs root, Postfix, a C
 * compiler and taskset.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { parseArgs } from 'node:util';
import {
  floorContestant,
  originalTlsmgr,
  ourTlsmgr,
  postfixContestant,
  type Contestant,
} from './contestants.ts';
import { measureHandshakes } from './handshakes.ts';
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

interface Result {
  operation: string;
  connections: number;
  goal: number;
  ours: Measurement;
  original: Measurement;
  floor: Measurement | undefined;
  ratio: number;
  ratios: readonly number[];
  p99Ratio: number;
}

type Contestants = Record<'original' | 'ours' | 'floor', Contestant>;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    json: { type: 'string' },
    node: { type: 'string' },
    check: { type: 'boolean', default: false },
    only: { type: 'string' },
    seconds: { type: 'string', default: '5' },
  },
});
const rounds = Number(values.rounds);
const scale = Number(values.scale);

if (values.only !== 'handshakes') {
  await measureRequests();
}
if (values.only === 'handshakes' || (values.only === undefined && !values.check)) {
  console.log();
  await measureHandshakes({
    tlsmgr: ourTlsmgr(values.node),
    rounds,
    seconds: Number(values.seconds),
  });
}

async function measureRequests(): Promise<void> {
  const original = await postfixContestant('original', originalTlsmgr);
  const ours = await postfixContestant('ours', ourTlsmgr(values.node));
  const floor = await floorContestant();
  const contestants = { original, ours, floor };
  const idleMegabytes = residentMegabytes(ours.pid);
  try {
    await warmUp(contestants);
    const results: Result[] = [];
    for (const row of rows) {
      results.push(await compare(row, contestants));
      printRow(results.at(-1)!);
    }
    const summary = {
      node: execFileSync(values.node ?? process.execPath, ['--version'], {
        encoding: 'utf8',
      }).trim(),
      postfix: execFileSync('postconf', ['-d', '-h', 'mail_version'], { encoding: 'utf8' }).trim(),
      kernel: release(),
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      rounds,
      firstAnswerMs: { ours: ours.firstAnswerMs, original: original.firstAnswerMs },
      residentMegabytes: { idle: idleMegabytes, afterwards: residentMegabytes(ours.pid) },
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
    await Promise.all([original, ours, floor].map((contestant) => contestant.stop()));
  }
}

/** Every request once over, so that compiled code and files are as in service. */
async function warmUp({ original, ours, floor }: Contestants): Promise<void> {
  for (const contestant of [original, ours, floor]) {
    const requests = Math.ceil((contestant === ours ? 60_000 : 3000) * scale);
    for (const operation of ['update', 'lookup', 'seed', 'policy', 'tktkey', 'mix'] as const) {
      await measure(contestant, { operation, connections: 64, requests });
    }
    await measure(contestant, { operation: 'connect', connections: 1, requests: 500 });
  }
}

async function compare(row: Row, { original, ours, floor }: Contestants): Promise<Result> {
  const taken: { ours: Measurement[]; original: Measurement[]; floor: Measurement[] } = {
    ours: [],
    original: [],
    floor: [],
  };
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first changes from round to round.
    const order: [keyof typeof taken, Contestant][] = [
      ['original', original],
      ['ours', ours],
    ];
    for (const [name, contestant] of round % 2 === 0 ? order : order.toReversed()) {
      const share = name === 'original' ? row.originalShare : 1;
      const requests = Math.max(200, Math.ceil(row.requests * share * scale));
      taken[name].push(await measure(contestant, { ...row, requests }));
    }
    taken.floor.push(await measure(floor, { ...row, requests: Math.ceil(row.requests * scale) }));
  }
  const ratios = taken.ours.map(
    (measurement, round) =>
      measurement.requestsPerSecond / taken.original[round]!.requestsPerSecond,
  );
  const oursMedian = medians(taken.ours);
  const originalMedian = medians(taken.original);
  return {
    operation: row.operation,
    connections: row.connections,
    goal: row.goal,
    ours: oursMedian,
    original: originalMedian,
    floor: medians(taken.floor),
    ratio: median(ratios),
    ratios,
    p99Ratio: oursMedian.p99 / originalMedian.p99,
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

function printRow(result: Result): void {
  if (result.operation === rows[0]!.operation && result.connections === rows[0]!.connections) {
    console.log(
      '| request | connections | ours, requests/s | C | ratio (spread) | goal | us of processor, ours | C | floor | p50 us, ours | C | p99 us, ours | C | client busy |',
    );
    console.log(`|${' --- |'.repeat(14)}`);
  }
  const { ours: own, original: other, floor: least } = result;
  const cells = [
    result.operation,
    result.connections,
    Math.round(own.requestsPerSecond),
    Math.round(other.requestsPerSecond),
    spreadText(result.ratios),
    result.goal,
    own.processorMicroseconds.toFixed(1),
    other.processorMicroseconds.toFixed(1),
    least?.processorMicroseconds.toFixed(1) ?? '',
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
