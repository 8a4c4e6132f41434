/** tlsmgr status: how a running daemon is, for people or as JSON. */
import { parseArgs } from 'node:util';
import type { CacheReport, Report } from '../daemon/report.ts';
import { cacheLabels } from '../sessions/session-cache.ts';
import type { CliIo } from './io.ts';
import { byteCount, duration, percent } from './output.ts';
import { socketOption, withDaemon } from './reach.ts';

export async function runStatus(args: readonly string[], io: CliIo): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { ...socketOption, json: { type: 'boolean' } },
  });
  return withDaemon(values.socket, io, async (client, path) => {
    const report = (await client.stats()) as Report;
    io.out(
      values.json === true
        ? `${JSON.stringify({ socket: path, ...report }, undefined, 2)}\n`
        : statusText(report, path),
    );
    return 0;
  });
}

/** The whole screen. */
export function statusText(report: Report, path: string): string {
  return [
    `tlsmgr ${report.version} is up since ${duration(report.uptimeSeconds)} (pid ${report.pid}, ${report.mode}, Node ${report.node})`,
    `socket      ${path}`,
    ...cacheLabels.map((label) => `${label.padEnd(12)}${cacheText(report.caches[label])}`),
    `tickets     ${ticketText(report.tickets)}`,
    `pool        ${poolText(report.prng)}`,
    `requests    ${requestText(report.requests)}`,
    `connections ${report.connections.open} open, ${report.connections.accepted} accepted`,
    `process     ${byteCount(report.process.residentBytes)} resident, ${duration(report.process.processorSeconds)} of processor time`,
    '',
  ].join('\n');
}

function cacheText(cache: CacheReport): string {
  if (!cache.enabled) {
    return cache.database === '' ? 'off' : `off (${cache.database})`;
  }
  const {
    entries = 0,
    bytes = 0,
    hits = 0,
    misses = 0,
    sizeLimitBytes = 0,
    entryLimit = 0,
  } = cache;
  const limit = entryLimit === 0 ? '' : ` or ${entryLimit} entries`;
  return [
    `${cache.type}: ${entries} entries`,
    `${byteCount(bytes)} of ${byteCount(sizeLimitBytes)}${limit}`,
    `${hits} hits, ${misses} misses (${percent(hits, hits + misses)} hit)`,
    `lifetime ${duration(cache.lifetimeSeconds)}`,
    ...((cache.evicted ?? 0) > 0 ? [`${cache.evicted} evicted while valid`] : []),
  ].join(', ');
}

function ticketText(tickets: Report['tickets']): string {
  const [current, ...older] = tickets.keys;
  if (!tickets.enabled) {
    return 'off (smtpd lifetime 0)';
  }
  if (current === undefined) {
    return 'no key asked for yet';
  }
  const seals =
    current.sealsForSeconds > 0
      ? `next in ${duration(current.sealsForSeconds)}`
      : 'retired, next when asked for';
  const verifying = older.length === 0 ? '' : `, ${older.length} older one still verifies`;
  return `key ${current.fingerprint}, age ${duration(current.ageSeconds)}, ${seals}${verifying}`;
}

function poolText(prng: Report['prng']): string {
  const source = prng.source === '' ? 'no source' : prng.source;
  const health = prng.sourceHealthy ? 'healthy' : 'FAILING, serving from the pool';
  const reseed =
    prng.lastReseedAgeSeconds === undefined
      ? 'not yet read'
      : `last read ${duration(prng.lastReseedAgeSeconds)} ago`;
  return `${source} (${health}), ${reseed}, ${prng.reseeds} reseeds, ${byteCount(prng.bytesServed)} served`;
}

function requestText(requests: Report['requests']): string {
  const asked = Object.entries(requests.byName)
    .map(([name, { ok, error, fail }]): [string, number] => [name, ok + error + fail])
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  return `${requests.total}${asked.length === 0 ? '' : ` (${asked.join(', ')})`}`;
}
