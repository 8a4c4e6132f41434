/**
 * What clients feel while 100,000 sessions expire within a second: the 99th
 * percentile of a steady load of look-ups in the same cache, on real sockets.
 *
 *     node --import tsx bench/expiry.ts [ROUNDS [CONNECTIONS...]]     (5 1 64)
 *
 * A round, for 1 and for 64 connections: 100,000 sessions are stored at once, a
 * thousand others later; those are looked up without end, in
 * slices of a twentieth of a second or so, until the 100,000 are gone. Slices
 * during which sessions expired are told from those before by the daemon's own
 * counter.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PostfixInstance } from '../test/postfix/instance.ts';
import { patientClient } from '../test/patient-client.ts';
import { clientProcessor, daemonProcessor, ourTlsmgr, pin } from './contestants.ts';
import { type LoadResult, runLoad } from './run-load.ts';

const [rounds = 5, ...chosen] = process.argv.slice(2).map(Number);
const connectionCounts = chosen.length > 0 ? chosen : [1, 64];
/** The shortest that Postfix has. */
const lifetimeSeconds = 120;
const expiring = 100_000;
const known = 1000;

interface Report {
  caches: { smtpd: { expired: number } };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

console.log(
  '| connections | p99 us without | while 100,000 expire | ratio (spread) | they take, s | worst us without | while they expire |',
);
console.log(`|${' --- |'.repeat(7)}`);
for (const connections of connectionCounts) {
  const results = [];
  for (let round = 0; round < rounds; round += 1) {
    results.push(await measure(connections));
  }
  const ratios = results.map(({ quiet, busy }) => busy / quiet);
  const cells = [
    connections,
    median(results.map(({ quiet }) => quiet)).toFixed(0),
    median(results.map(({ busy }) => busy)).toFixed(0),
    `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`,
    median(results.map(({ seconds }) => seconds)).toFixed(1),
    median(results.map(({ worstQuiet }) => worstQuiet)).toFixed(0),
    median(results.map(({ worstBusy }) => worstBusy)).toFixed(0),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

async function measure(connections: number): Promise<{
  quiet: number;
  busy: number;
  seconds: number;
  worstQuiet: number;
  worstBusy: number;
}> {
  const instance = await PostfixInstance.create({
    tlsmgr: ourTlsmgr(undefined),
    name: 'expiry',
    mainCf: {
      smtpd_tls_session_cache_database: 'btree:${data_directory}/smtpd_scache',
      smtpd_tls_session_cache_timeout: `${lifetimeSeconds}s`,
      smtpd_tls_loglevel: '0',
    },
  });
  try {
    await instance.start();
    const where = { socketPath: instance.socketPath, processor: clientProcessor };
    const onSame = connections === 1 ? { ...where, processor: daemonProcessor } : where;
    await runLoad({ ...where, operation: 'update', connections: 64, requests: 60_000, ids: known });
    const pid = instance.tlsmgrPid()!;
    pin(pid);
    pin(instance.masterPid()!);
    const client = patientClient(instance.socketPath);
    const expired = async (): Promise<number> =>
      ((await client.stats()) as Report).caches.smtpd.expired;

    const filledAt = performance.now();
    await runLoad({
      ...where,
      operation: 'fill',
      connections: 64,
      requests: expiring,
      ids: expiring,
    });
    await sleep((lifetimeSeconds - 15) * 1000);
    await runLoad({ ...where, operation: 'fill', connections: 64, requests: known, ids: known });
    await sleep(1000);
    const slice = (): Promise<LoadResult> =>
      runLoad({
        ...onSame,
        operation: 'lookup',
        connections,
        requests: connections === 1 ? 5000 : 10_000,
        ids: known,
      });
    const quiet: LoadResult[] = [];
    const busy: LoadResult[] = [];
    let busyFrom = 0;
    let before = await expired();
    const untilMs = filledAt + (lifetimeSeconds + 3) * 1000;
    while (performance.now() < untilMs && before < expiring - known) {
      const from = performance.now();
      const took = await slice();
      const now = await expired();
      if (now === before) {
        quiet.push(took);
      } else {
        busyFrom ||= from;
        busy.push(took);
      }
      before = now;
    }
    const seconds = (performance.now() - busyFrom) / 1000;
    void client.close();
    await instance.stop();
    return {
      quiet: median(quiet.map(({ p99 }) => p99)),
      busy: median(busy.map(({ p99 }) => p99)),
      seconds,
      worstQuiet: Math.max(...quiet.map(({ max }) => max)),
      worstBusy: Math.max(...busy.map(({ max }) => max)),
    };
  } finally {
    instance.cleanup();
  }
}
