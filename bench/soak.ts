/**
 * Ten million requests and more, with connections and entries that come and go:
 * what a daemon needs at the start, in the middle and at the end.
 *
 *     node --import tsx bench/soak.ts [MILLIONS]     (10)
 *
 * Rounds of a mail server's mix, updates of ids that are new each round, so that
 * the size limit evicts without end, look-ups, and connections that ask once.
 * Descriptors are what the process has open; the longest wait is that of a
 * client with one connection after the round.
 */
import { readdirSync } from 'node:fs';
import { PostfixInstance } from '../test/postfix/instance.ts';
import { patientClient } from '../test/patient-client.ts';
import { clientProcessor, ourTlsmgr } from './contestants.ts';
import { processorSeconds, residentMegabytes } from './processor-time.ts';
import { runLoad } from './run-load.ts';

const millions = Number(process.argv[2] ?? 10);
const perRound = 1_000_000;

interface Report {
  requests: { total: number };
  connections: { accepted: number; open: number };
  caches: { smtpd: { entries: number; evicted: number; memoryBytes: number } };
}

const instance = await PostfixInstance.create({
  tlsmgr: ourTlsmgr(undefined),
  name: 'soak',
  tlsmgrWords: '-o smtpd_tls_session_cache_size_limit=50000000',
  mainCf: { smtpd_tls_loglevel: '0', smtp_tls_loglevel: '0' },
});
console.log(
  '| requests | connections | entries | evicted | memory, MB | of it caches | descriptors | processor, us a request | p99 of one client, us |',
);
console.log(`|${' --- |'.repeat(9)}`);
try {
  await instance.start();
  const client = patientClient(instance.socketPath);
  await client.policy('smtpd');
  const pid = instance.tlsmgrPid()!;
  let usedBefore = processorSeconds([pid]);
  let requestsBefore = 0;
  for (let round = 0; ; round += 1) {
    const report = (await client.stats()) as Report;
    const used = processorSeconds([pid]);
    const quiet = await load('lookup', 1, 20_000, 1000);
    const asked = report.requests.total - requestsBefore;
    const cells = [
      report.requests.total,
      report.connections.accepted,
      report.caches.smtpd.entries,
      report.caches.smtpd.evicted,
      residentMegabytes(pid).toFixed(0),
      (report.caches.smtpd.memoryBytes / 1e6).toFixed(0),
      readdirSync(`/proc/${pid}/fd`).length,
      (((used - usedBefore) * 1e6) / Math.max(1, asked)).toFixed(1),
      quiet.p99.toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
    if (report.requests.total >= millions * 1e6) {
      break;
    }
    usedBefore = processorSeconds([pid]);
    requestsBefore = report.requests.total + 20_000;
    await load('mix', 64, perRound * 0.5, 1000);
    await load('fill', 64, perRound * 0.2, 100_000 + round * 1000);
    await load('lookup', 200, perRound * 0.25, 100_000);
    await load('connect', 1, perRound * 0.05, 1000);
  }
  console.log(`complaints in the log: ${instance.complaints().length}`);
  void client.close();
  await instance.stop();
} finally {
  instance.cleanup();
}

function load(
  operation: string,
  connections: number,
  requests: number,
  ids: number,
): ReturnType<typeof runLoad> {
  const { socketPath } = instance;
  return runLoad({ socketPath, processor: clientProcessor, operation, connections, requests, ids });
}
