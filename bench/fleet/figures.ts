/**
 * What a fleet costs a daemon and its engine: memory when idle, look-ups that ask
 * the engine, updates that are written to it, bytes of the engine a session. As root,
 * with a C compiler and taskset; the daemon has one processor.
 *
 *     npm run build && node --import tsx bench/fleet/figures.ts
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetCacheReport } from '../../src/fleet/report.ts';
import { HostFleet } from '../../test/fleet/hosts/host-fleet.ts';
import { runsHere, skipWithoutHosts } from '../../test/fleet/hosts/where.ts';
import { clientProcessor, pin } from '../contestants.ts';
import { residentMegabytes } from '../processor-time.ts';
import { runLoad } from '../run-load.ts';

const settleMs = 3000;
const requests = 20_000;
/** So many that the engine is asked for nearly all of them. */
const ids = 20_000;
const connections = 64;

if (runsHere(import.meta.filename)) {
  if (skipWithoutHosts !== false) {
    throw new Error(skipWithoutHosts);
  }
  await measureMemory();
  await measureRates();
}

async function measureMemory(): Promise<void> {
  const fleet = await HostFleet.start({ hosts: 2 });
  const withFleet = await idleMegabytes(fleet);
  await fleet.change([0, 1], { tlsmgr_ticket_keys: 'derived', tlsmgr_fleet_engine: '' });
  const derived = await idleMegabytes(fleet);
  await fleet.change([0, 1], { tlsmgr_ticket_keys: 'local' });
  const without = await idleMegabytes(fleet);
  console.log(
    `memory when idle: ${without} MB without a fleet, ${derived} MB derived, ${withFleet} MB shared`,
  );
  await fleet.stop();
}

async function idleMegabytes(fleet: HostFleet): Promise<string> {
  await sleep(settleMs);
  return residentMegabytes(fleet.hosts[0]!.tlsmgrPid()!).toFixed(0);
}

async function measureRates(): Promise<void> {
  const fleet = await HostFleet.start({ hosts: 2, isDirect: true });
  const [first, second] = fleet.hosts;
  for (const host of fleet.hosts) {
    pin(host.tlsmgrPid()!);
  }
  const emptyBytes = await usedBytes(fleet);
  // Updates: each id is new to the engine.
  const before = await smtpdOf(fleet, 0);
  const updates = await load(first!.socketPath, 'fill', ids);
  await fleet.written(0);
  const written = await smtpdOf(fleet, 0);
  const share = (written.written - before.written) / ids;
  console.log(
    `updates/s: ${rate(updates)}, ${percent(share)} of them written to the engine, p99 ${updates.p99} us`,
  );
  const entries = Number(await fleet.redis.command('DBSIZE'));
  const bytes = ((await usedBytes(fleet)) - emptyBytes) / entries;
  console.log(`engine: ${bytes.toFixed(0)} bytes a session of 1500 bytes, ${entries} keys`);
  // Look-ups of the other host, which has none of them.
  const lookupsBefore = await smtpdOf(fleet, 1);
  const lookups = await load(second!.socketPath, 'lookup', requests);
  const after = await smtpdOf(fleet, 1);
  const asked = after.engineHits - lookupsBefore.engineHits;
  const missed = after.engineMisses - lookupsBefore.engineMisses;
  console.log(
    `look-ups/s: ${rate(lookups)}, ${percent(asked / requests)} found in the engine, ${percent(missed / requests)} missed, p99 ${lookups.p99} us`,
  );
  const misses = await load(second!.socketPath, 'miss', requests);
  console.log(`look-ups/s of ids that nobody has: ${rate(misses)}, p99 ${misses.p99} us`);
  await fleet.stop();
}

function load(socketPath: string, operation: string, count: number): ReturnType<typeof runLoad> {
  const options = { processor: clientProcessor, connections, ids };
  return runLoad({ ...options, socketPath, operation, requests: count });
}

function rate({ requests: count, seconds }: { requests: number; seconds: number }): string {
  return (count / seconds).toFixed(0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

async function smtpdOf(fleet: HostFleet, index: number): Promise<FleetCacheReport> {
  return (await fleet.report(index))!.caches['smtpd']!;
}

async function usedBytes(fleet: HostFleet): Promise<number> {
  const memory = await fleet.redis.command('INFO', 'memory');
  return Number(/^used_memory:(\d+)/mu.exec(memory)![1]);
}
