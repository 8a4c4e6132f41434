/**
 * What it costs a request that the cache is shared with other hosts, when this host
 * can answer by itself. Two processes serve the same requests at a socket, one with
 * the local cache alone, one with it inside a shared cache whose engine is a Map.
 * They take turns, so each round has a ratio of their processor times. The median of
 * the ratios counts: other programs on the machine disturb it least.
 *
 *   node --import tsx bench/fleet/local-path.ts [rounds]      (20)
 *
 *   look-up   hits the local cache
 *   young     an update of an id whose copy in the engine is young: it isn't written
 *   queued    an update that waits in the place of an earlier one; the engine is away
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { SessionSharing } from '../../src/fleet/sessions/sharing.ts';
import { geometryOf } from '../../src/sessions/file/geometry.ts';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import type { SessionCache } from '../../src/sessions/session-cache.ts';
import { listenOnPath } from '../../src/socket/listener.ts';
import { systemClock } from '../../src/system/clock.ts';
import { after } from '../../src/system/timers.ts';
import { MapEngine, MapServer, turn } from '../../test/fleet/sessions/map-engine.ts';
import { serviceOf } from '../../test/socket/service-parts.ts';
import { clientProcessor, pin } from '../contestants.ts';
import { processorSeconds } from '../processor-time.ts';
import { runLoad } from '../run-load.ts';

type Kind = 'alone' | 'shared';

interface Work {
  name: string;
  operation: 'lookup' | 'update';
  engine: 'up' | 'away';
}

const works: readonly Work[] = [
  { name: 'look-up', operation: 'lookup', engine: 'up' },
  { name: 'young', operation: 'update', engine: 'up' },
  { name: 'queued', operation: 'update', engine: 'away' },
];
const program = fileURLToPath(import.meta.url);
const ids = 1000;
const requests = 20_000;
const limits = { lifetimeSeconds: 3600, sizeLimitBytes: 268_435_456, entryLimit: 0 };
const quiet = { verbose: 0, info() {}, warning() {}, error() {} };

/** Serves in this process, until its parent ends. */
async function serve(kind: Kind, path: string): Promise<void> {
  const engine = new MapEngine(new MapServer(systemClock));
  const local = new CircularLog(
    { ...limits, ...geometryOf(limits.sizeLimitBytes) },
    { clock: systemClock },
  );
  const sharing = new SessionSharing({
    engine,
    seals: sealsOf([randomBytes(32)]),
    clock: systemClock,
    log: quiet,
    caches: ['smtpd'],
    sharesTls13: false,
    nearSizeLimit: 16_777_216,
    queueSizeLimit: 4_194_304,
    schedule: after,
  });
  const cache: SessionCache = kind === 'alone' ? local : sharing.share('smtpd', local, limits);
  const { service } = serviceOf({
    pool: { fill() {}, stirTime() {}, stirData() {} },
    caches: { all: [{ label: 'smtpd', lifetimeSeconds: limits.lifetimeSeconds, cache }] },
    lifetimeSeconds: limits.lifetimeSeconds,
    clock: systemClock,
    report: {},
    warn() {},
  });
  await listenOnPath(path, service, { log: quiet, warn() {}, transport: 'handle' });
  const isWriting = (): boolean =>
    engine.underWay > 0 || (sharing.reports()['smtpd']?.queueEntries ?? 0) > 0;
  const written = async (): Promise<void> => {
    while (engine.connection === 'up' && isWriting()) {
      await turn();
    }
    process.send!('done');
  };
  process.on('message', (told: 'up' | 'away' | 'written') => {
    if (told === 'written') {
      void written();
      return;
    }
    // What comes back from away has no young copies.
    engine.become({ connection: 'up' });
    engine.become({ connection: told });
    process.send!('done');
  });
  process.on('disconnect', () => process.exit());
  process.send!('ready');
}

interface Server {
  /** @returns processor time of a request, microseconds. */
  measure(work: Work): Promise<number>;
  end(): void;
}

async function start(kind: Kind, folder: string): Promise<Server> {
  const socketPath = join(folder, kind);
  const child = fork(program, [kind, socketPath]);
  await once(child, 'message');
  const pid = child.pid!;
  pin(pid);
  const load = (operation: string, count: number): Promise<unknown> =>
    runLoad({
      socketPath,
      processor: clientProcessor,
      operation,
      connections: 64,
      requests: count,
      ids,
    });
  const tell = async (what: 'up' | 'away' | 'written'): Promise<void> => {
    const done = once(child, 'message');
    child.send(what);
    await done;
  };
  await load('fill', ids);
  return {
    async measure({ operation, engine }) {
      await tell(engine);
      // The first update of an id is written, where the engine is there.
      await load('update', ids);
      await tell('written');
      const before = processorSeconds([pid]);
      await load(operation, requests);
      return ((processorSeconds([pid]) - before) * 1e6) / requests;
    },
    end: () => child.disconnect(),
  };
}

function quartilesOf(values: readonly number[]): string[] {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((part) => sorted[Math.floor(sorted.length * part)]!.toFixed(3));
}

async function compare(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-bench-'));
  const [alone, shared] = [await start('alone', folder), await start('shared', folder)];
  console.log('| request | alone, us | shared, us | ratio, median (quartiles) |');
  console.log('| --- | --- | --- | --- |');
  for (const work of works) {
    const figures: { alone: number; shared: number }[] = [];
    // Two rounds are for the compiler.
    for (let round = -2; round < rounds; round += 1) {
      // Who is first changes from round to round.
      const first = round % 2 === 0 ? await alone.measure(work) : undefined;
      const second = await shared.measure(work);
      const pair = { alone: first ?? (await alone.measure(work)), shared: second };
      if (round >= 0) {
        figures.push(pair);
      }
    }
    const [low, ratio, high] = quartilesOf(figures.map((one) => one.alone / one.shared));
    const [, a] = quartilesOf(figures.map((one) => one.alone));
    const [, s] = quartilesOf(figures.map((one) => one.shared));
    console.log(`| ${work.name} | ${a} | ${s} | ${ratio} (${low} to ${high}) |`);
  }
  alone.end();
  shared.end();
  rmSync(folder, { recursive: true });
}

const [what = '20', path = ''] = process.argv.slice(2);
if (what === 'alone' || what === 'shared') {
  await serve(what, path);
} else {
  await compare(Number(what));
}
