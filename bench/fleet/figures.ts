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
/** The write queue is shorter than one fill. */
const mostFills = 10;

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
  const emptyKeys = await keysOf(fleet);
  const startMs = performance.now();
  const updates = await load(first!.socketPath, 'fill', ids);
  await fleet.written(0);
  const { written } = await smtpdOf(fleet, 0);
  const writtenRate = written / ((performance.now() - startMs) / 1000);
  console.log(
    `updates/s: ${rate(updates)}, p99 ${updates.p99} us; written to the engine/s: ${writtenRate.toFixed(0)}, ${percent(written / ids)} of all`,
  );
  // What the queue had no room for.
  for (let time = 0; (await keysOf(fleet)) < emptyKeys + ids && time < mostFills; time += 1) {
    await load(first!.socketPath, 'fill', ids);
    await fleet.written(0);
  }
  const keys = (await keysOf(fleet)) - emptyKeys;
  const bytes = ((await usedBytes(fleet)) - emptyBytes) / keys;
  console.log(`engine: ${bytes.toFixed(0)} bytes a session of 1500 bytes, ${keys} sessions`);
  // Of the other host, which has none of them.
  const lookups = await load(second!.socketPath, 'lookup', requests);
  const { engineHits, engineMisses, nearHits, notAsked } = await smtpdOf(fleet, 1);
  const shares = { engineHits, nearHits, engineMisses, notAsked };
  const texts = Object.entries(shares).map(
    ([name, count]) => `${name} ${percent(count / requests)}`,
  );
  console.log(`look-ups/s: ${rate(lookups)}, p99 ${lookups.p99} us: ${texts.join(', ')}`);
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

async function keysOf(fleet: HostFleet): Promise<number> {
  return Number(await fleet.redis.command('DBSIZE'));
}

async function usedBytes(fleet: HostFleet): Promise<number> {
  const memory = await fleet.redis.command('INFO', 'memory');
  return Number(/^used_memory:(\d+)/mu.exec(memory)![1]);
}
