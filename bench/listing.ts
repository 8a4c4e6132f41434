/**
 * What clients feel while somebody lists a million sessions: the 99th
 * percentile of look-ups at 64 connections without and with it, on real sockets.
 *
 *     node --import tsx bench/listing.ts [ENTRIES]     (1000000)
 */
import { patientClient } from '../test/patient-client.ts';
import { PostfixInstance } from '../test/postfix/instance.ts';
import { clientProcessor, ourTlsmgr } from './contestants.ts';
import { runLoad } from './run-load.ts';

const entries = Number(process.argv[2] ?? 1_000_000);

const instance = await PostfixInstance.create({
  tlsmgr: ourTlsmgr(undefined),
  name: 'listing',
  tlsmgrWords: '-o smtpd_tls_session_cache_size_limit=4000000000',
  mainCf: { smtpd_tls_loglevel: '0' },
});
try {
  await instance.start();
  const { socketPath } = instance;
  const load = (operation: string, requests: number): ReturnType<typeof runLoad> =>
    runLoad({
      socketPath,
      processor: clientProcessor,
      operation,
      connections: 64,
      requests,
      ids: entries,
    });
  await load('fill', entries);
  await load('lookup', 300_000);
  const without = await load('lookup', 300_000);
  const client = patientClient(socketPath);
  let listed = 0;
  const startedMs = performance.now();
  const listing = (async () => {
    for await (const session of client.list('smtpd')) {
      listed += session.sessionBytes > 0 ? 1 : 0;
    }
    return performance.now() - startedMs;
  })();
  const during = await load('lookup', 300_000);
  const seconds = (await listing) / 1000;
  console.log(`listed ${listed} in ${seconds.toFixed(1)} s`);
  console.log(
    `p99 of look-ups: ${without.p99.toFixed(0)} us without, ${during.p99.toFixed(0)} us meanwhile`,
  );
  console.log(
    `longest: ${without.max.toFixed(0)} us without, ${during.max.toFixed(0)} us meanwhile`,
  );
  void client.close();
  await instance.stop();
} finally {
  instance.cleanup();
}
