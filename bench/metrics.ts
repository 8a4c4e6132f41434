/**
 * What metrics cost: the same load on a daemon without them and on one that is
 * scraped once a second, in turns, each under a master(8) of its own. Prints
 * throughput and processor time a request of both, medians of the rounds, and
 * their ratios with the lowest and the highest of a round. Processor time is the
 * steadier figure on a shared machine. With --control neither has metrics: how
 * far two equal daemons are apart.
 *
 *     node --import tsx bench/metrics.ts [--rounds 7] [--requests 600000] [--control]
 */
import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/postfix/instance.ts';
import { type Contestant, ourTlsmgr, postfixContestant } from './contestants.ts';
import { processorSeconds } from './processor-time.ts';
import { measure, type Measurement } from './measure.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string' },
    requests: { type: 'string' },
    control: { type: 'boolean' },
  },
});
const rounds = Number(values.rounds ?? 7);
const requests = Number(values.requests ?? 600_000);

const everyMs = 1000;
const workload = { operation: 'mix', connections: 8, requests } as const;

const port = await freePort();
const off = await postfixContestant('metrics-off', ourTlsmgr(undefined));
const on = await postfixContestant(
  'metrics-on',
  ourTlsmgr(undefined),
  values.control ? {} : { tlsmgr_metrics_listen: `127.0.0.1:${port}` },
);
const scrapes = { answered: 0 };
try {
  for (const contestant of [off, on]) {
    await measure(contestant, workload);
  }
  const without: Measurement[] = [];
  const withMetrics: Measurement[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first changes: what drifts strikes both.
    const turns = [
      async () => without.push(await measure(off, workload)),
      async () => withMetrics.push(await scraped(on)),
    ];
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) {
      await turn();
    }
  }
  report(without, withMetrics);
  if (!values.control) {
    console.log(`one scrape: ${(await scrapeMs()).toFixed(2)} ms of processor time`);
  }
} finally {
  await off.stop();
  await on.stop();
}

async function scraped(contestant: Contestant): Promise<Measurement> {
  if (values.control) {
    return measure(contestant, workload);
  }
  scrape();
  const timer = setInterval(scrape, everyMs);
  try {
    return await measure(contestant, workload);
  } finally {
    clearInterval(timer);
  }
}

function scrape(): void {
  request({ port, path: '/metrics', agent: false }, (response) => {
    response.resume().on('end', () => (scrapes.answered += 1));
  })
    .on('error', (error) => console.error(`scrape: ${error.message}`))
    .end();
}

/** Of one scrape of a daemon that has nothing else to do, one every tenth of a second. */
async function scrapeMs(): Promise<number> {
  const times = 60;
  const answered = scrapes.answered;
  const before = processorSeconds(on.pids);
  for (let time = 0; time < times; time += 1) {
    scrape();
    await pause(100);
  }
  const used = processorSeconds(on.pids) - before;
  return (used * 1000) / (scrapes.answered - answered);
}

function report(without: Measurement[], withMetrics: Measurement[]): void {
  const rows = (['requestsPerSecond', 'processorMicroseconds', 'p50', 'p99'] as const).map(
    (figure) => {
      const [one, other] = [without, withMetrics].map((all) =>
        median(all.map((measurement) => measurement[figure])),
      ) as [number, number];
      const ratios = withMetrics.map((measurement, round) => {
        return measurement[figure] / without[round]![figure];
      });
      return {
        figure,
        off: one.toFixed(2),
        on: other.toFixed(2),
        ratio: (other / one).toFixed(3),
        lowest: Math.min(...ratios).toFixed(3),
        highest: Math.max(...ratios).toFixed(3),
      };
    },
  );
  console.table(rows);
  console.log(`${rounds} rounds of ${requests} requests, ${scrapes.answered} scrapes answered`);
}

function median(numbers: number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)]!;
}
