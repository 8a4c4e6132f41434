/**
 * Four https workers of a cluster, with a tlsmgr whose keys seal for a
 * minute. While clients come back with their tickets, keys rotate, the workers are
 * restarted one after another, and the certificate is renewed once in each. How
 * many connections are resumed by the ring, by `single`, without tlsmgr? All
 * three at the same time, in the same workers. Before that, with nothing of it
 * going on: what does a resumed connection cost beside a full one? Takes 5 minutes.
 *
 *   npm run build && node --import tsx bench/tls/workers.ts [cost | shares [CLIENTS]]
 *
 * CLIENTS share the connections of a row, one if not told otherwise. Each begins
 * with a full handshake, and in TLS 1.2 makes another when its session's life is
 * over, as it must: with more clients the share says less of the keys.
 */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TlsmgrClient } from '../../src/client/index.ts';
import { Standalone } from '../../test/cli/standalone.ts';
import { patientClient } from '../../test/patient-client.ts';
import { makeCertificate } from '../../test/postfix/certificate.ts';
import { endOnSignals } from '../../test/postfix/end-on-signals.ts';
import { freePort } from '../../test/postfix/instance.ts';
import { noCounts, ReturningClient, type Version, versions } from './returning-client.ts';
import { type FromWorker, type ToWorker, type Way, ways, type WorkerSetUp } from './worker.ts';

const only = process.argv[2];
/** Of each way and version. */
const connections = 1000;
/** Of each way and version. */
const clientCount = Number(process.argv[3] ?? 1);
const workerCount = 4;
/** A key seals for half of it, and opens for the other half. */
const lifetimeSeconds = 120;
/** Begun right before a key ends, it sees three do so. */
const durationMs = 136_000;
const startBeforeSeconds = 8;
const rounds = 7;
/** Of each round. */
const timedConnections = 100;

endOnSignals();
const daemon = new Standalone();
process.once('exit', () => daemon.remove());
await daemon.start('-o', `smtpd_tls_session_cache_timeout=${lifetimeSeconds}`);
const setUp: WorkerSetUp = {
  ports: { ring: await freePort(), single: await freePort(), none: await freePort() },
  socketPath: daemon.socket,
  pem: await makeCertificate(),
};
cluster.setupPrimary({ exec: fileURLToPath(new URL('./worker.ts', import.meta.url)) });
let workers = await startWorkers();
if (only !== 'shares') {
  await showCost();
  await Promise.all(workers.map(stopWorker));
  workers = await startWorkers();
}
if (only !== 'cost') {
  await showShares();
}
await Promise.all(workers.map(stopWorker));
await daemon.stop();

function startWorkers(): Promise<Worker[]> {
  return Promise.all(Array.from({ length: workerCount }, startWorker));
}

async function startWorker(): Promise<Worker> {
  const worker = cluster.fork({ SET_UP: JSON.stringify(setUp) });
  await once(worker, 'message');
  return worker;
}

async function stopWorker(worker: Worker): Promise<void> {
  worker.send('stop' satisfies ToWorker);
  await once(worker, 'exit');
}

async function ask(worker: Worker, message: ToWorker): Promise<FromWorker> {
  worker.send(message);
  const [answer] = (await once(worker, 'message')) as [FromWorker];
  return answer;
}

async function renewCertificate(pem: string): Promise<void> {
  setUp.pem = pem;
  await Promise.all(workers.map((worker) => ask(worker, { certificate: pem })));
}

async function showShares(): Promise<void> {
  const tlsmgr = patientClient(setUp.socketPath);
  await waitForLastSeconds(tlsmgr);
  const startMs = performance.now();
  const at = (part: number): Promise<void> =>
    pause(Math.max(0, startMs + part * durationMs - performance.now()));
  const restart = async (): Promise<void> => {
    const old = workers.shift()!;
    workers.push(await startWorker());
    await stopWorker(old);
  };
  const disturb = async (): Promise<void> => {
    for (const [part, act] of [
      [0.1, restart],
      [0.3, restart],
      [0.5, async () => renewCertificate(await makeCertificate())],
      [0.65, restart],
      [0.85, restart],
    ] as const) {
      await at(part);
      await act();
    }
  };
  const visits = connections / clientCount;
  const comeBack = async (client: ReturningClient): Promise<void> => {
    const phase = Math.random();
    for (let count = 0; count < visits; count += 1) {
      await at((count + phase) / visits);
      await client.visit();
    }
  };
  const groups = ways.flatMap((way) => versions.map((version) => makeGroup(way, version)));
  const everybody = groups.flatMap(({ clients }) => clients.map(comeBack));
  const [keys] = await Promise.all([
    countKeys(tlsmgr, startMs + durationMs),
    disturb(),
    ...everybody,
  ]);
  await tlsmgr.close();
  console.log(
    `\n${workerCount} workers, each restarted once, ${keys - 1} key rotations, 1 renewal of the certificate; ` +
      `${connections} connections a version by ${clientCount} clients\n`,
  );
  console.log('| keys | version | resumed | first contacts | life over | other full | failed |');
  console.log('| --- | --- | --- | --- | --- | --- | --- |');
  for (const { way, version, clients } of groups) {
    const sum = noCounts();
    for (const { counts } of clients) {
      for (const name of ['resumed', 'first', 'over', 'full', 'failed'] as const) {
        sum[name] += counts[name];
      }
    }
    const share = ((100 * sum.resumed) / connections).toFixed(1);
    const others = [sum.first, sum.over, sum.full, sum.failed].join(' | ');
    console.log(`| ${way} | ${version} | ${share} % | ${others} |`);
    clients.flatMap(({ errors }) => errors).forEach((error) => console.log(error));
  }
}

function makeGroup(way: Way, version: Version) {
  const make = (): ReturningClient =>
    new ReturningClient(setUp.ports[way], version, lifetimeSeconds / 2);
  return { way, version, clients: Array.from({ length: clientCount }, make) };
}

async function waitForLastSeconds(tlsmgr: TlsmgrClient): Promise<void> {
  const [key] = (await tlsmgr.ticketRing('bench ring'))!;
  const leftSeconds = key!.sealUntilSeconds - Date.now() / 1000;
  await pause(1000 * Math.max(0, leftSeconds - startBeforeSeconds));
}

/** @returns how many keys have sealed until then. */
async function countKeys(tlsmgr: TlsmgrClient, untilMs: number): Promise<number> {
  const names = new Set<string>();
  while (performance.now() < untilMs) {
    const [newest] = (await tlsmgr.ticketRing('bench ring'))!;
    names.add(newest!.name.toString('hex'));
    await pause(1000);
  }
  return names.size;
}

async function showCost(): Promise<void> {
  console.log('Beside full handshakes without tlsmgr, medians of the ratios in a round:\n');
  console.log(
    '| certificate | version | keys | resumed | requests a second | processor time saved |',
  );
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const [name, kind] of [
    ['P-256', undefined],
    ['RSA-2048', ['rsa:2048']],
  ] as const) {
    await renewCertificate(await makeCertificate(kind));
    for (const version of versions) {
      const ratios = { ring: noRatios(), single: noRatios() };
      for (let round = 0; round < rounds; round += 1) {
        const full = await measure('none', version, false);
        for (const way of ['ring', 'single'] as const) {
          const resumed = await measure(way, version, true);
          ratios[way].rate.push(resumed.rate / full.rate);
          ratios[way].microseconds.push(resumed.microseconds / full.microseconds);
          ratios[way].resumed += resumed.resumed;
        }
      }
      for (const [way, { rate, microseconds, resumed }] of Object.entries(ratios)) {
        const share = ((100 * resumed) / (rounds * timedConnections)).toFixed(1);
        const saved = Math.round(100 * (1 - median(microseconds)));
        console.log(
          `| ${name} | ${version} | ${way} | ${share} % | ${median(rate).toFixed(2)} times | ${saved} % |`,
        );
      }
    }
  }
}

function noRatios() {
  return { rate: [] as number[], microseconds: [] as number[], resumed: 0 };
}

/** Clients one after another, as fast as they can. @returns processor time of the workers alone. */
async function measure(way: Way, version: Version, comesBack: boolean) {
  const { clients } = makeGroup(way, version);
  if (comesBack) {
    await Promise.all(clients.map((client) => client.visit()));
  }
  const before = await usage();
  const startMs = performance.now();
  const work = async (client: ReturningClient): Promise<void> => {
    for (let count = 0; count < timedConnections / clientCount; count += 1) {
      await client.visit();
      if (!comesBack) {
        client.forget();
      }
    }
  };
  await Promise.all(clients.map(work));
  const seconds = (performance.now() - startMs) / 1000;
  const microseconds = (await usage()) - before;
  const resumed = clients.reduce((sum, { counts }) => sum + counts.resumed, 0);
  return { rate: timedConnections / seconds, microseconds, resumed };
}

async function usage(): Promise<number> {
  const answers = await Promise.all(workers.map((worker) => ask(worker, 'usage')));
  return answers.reduce(
    (sum, answer) => sum + (typeof answer === 'object' ? answer.microseconds : 0),
    0,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]!;
}
