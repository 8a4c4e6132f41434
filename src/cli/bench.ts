/**
 * tlsmgr bench: how fast a running daemon is, or two side by side. Rounds
 * alternate between the two; the ratio is taken within a round.
 */
import { type CliIo, UsageError } from './io.ts';
import { wholeNumber } from './numbers.ts';
import type { Given, benchOptions } from './options.ts';
import { forgetSessions, type LoadResult, type Operation, runLoad } from './load.ts';
import type { Place } from './probe.ts';
import { answerOf, placeOf, tellPlace, withClient } from './reach.ts';

const workloads: readonly [Operation, connections: number, requests: number][] = [
  ['update', 1, 5000],
  ['update', 64, 10_000],
  ['lookup', 1, 10_000],
  ['lookup', 64, 20_000],
  ['miss', 64, 20_000],
  ['seed', 1, 10_000],
  ['seed', 64, 20_000],
  ['policy', 64, 20_000],
  ['tktkey', 64, 20_000],
  ['mix', 64, 20_000],
];

const ids = 1000;
const sessionBytes = 1500;

export async function runBench({ values }: Given<typeof benchOptions>, io: CliIo): Promise<number> {
  const rounds = wholeNumber(values.rounds);
  if (!(rounds >= 1)) {
    throw new UsageError(`bad number of rounds: ${values.rounds} (a whole number, at least 1)`);
  }
  const place = placeOf(values.socket, io);
  tellPlace(values.socket, place, io);
  const against = values.against === undefined ? [] : [{ ...place, socketPath: values.against }];
  const all = [place, ...against];
  for (const one of all) {
    await answerOf(withClient(one, (client) => client.identify()));
  }
  for (const one of all) {
    await warmUp(one);
  }
  const table = [];
  for (const [operation, connections, requests] of workloads) {
    const load = (at: Place): Promise<LoadResult> =>
      runLoad({
        ...at,
        operation,
        connections,
        requests,
        ids,
        sessionBytes,
      });
    const results: LoadResult[] = [];
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const result = await load(place);
      results.push(result);
      for (const one of against) {
        const other = await load(one);
        ratios.push(result.requestsPerSecond / other.requestsPerSecond);
      }
    }
    const row = { operation, connections, ...medianOf(results), ratio: median(ratios) };
    table.push(row);
    if (values.json !== true) {
      if (table.length === 1) {
        io.out('request  connections  requests/s   p50 us   p99 us  ratio  client busy\n');
      }
      io.out(rowText(row));
    }
  }
  await Promise.all(all.map((one) => withClient(one, (client) => forgetSessions(client, ids))));
  if (values.json === true) {
    io.out(`${JSON.stringify(table, undefined, 2)}\n`);
  }
  return 0;
}

/** Compiled code and open files as in service, on both sides. */
async function warmUp(place: Place): Promise<void> {
  for (const operation of ['update', 'mix'] as const) {
    await runLoad({
      ...place,
      operation,
      connections: 16,
      requests: 10_000,
      ids,
      sessionBytes,
    });
  }
}

interface Row extends LoadResult {
  operation: string;
  connections: number;
  ratio: number | undefined;
}

function rowText(row: Row): string {
  const cells = [
    row.operation.padEnd(7),
    String(row.connections).padStart(12),
    row.requestsPerSecond.toFixed(0).padStart(11),
    row.p50.toFixed(0).padStart(8),
    row.p99.toFixed(0).padStart(8),
    (row.ratio?.toFixed(2) ?? '-').padStart(6),
    `${Math.round(row.busy * 100)}%`.padStart(12),
  ];
  return `${cells.join(' ')}\n`;
}

function medianOf(results: readonly LoadResult[]): LoadResult {
  const of = (pick: (result: LoadResult) => number): number => median(results.map(pick))!;
  return {
    requestsPerSecond: of(({ requestsPerSecond }) => requestsPerSecond),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    busy: of(({ busy }) => busy),
  };
}

function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];
}
