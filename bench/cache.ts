/**
 * What a session cache costs in process: no socket, no protocol.
 *
 *     node --import tsx bench/cache.ts [entries...]      (1000 100000 1000000)
 *
 * For each size, in a process of its own: updates of new ids, look-ups, and
 * replacements per second with their 99th percentile, memory and file per entry,
 * the time to read the file back; then the 99th percentile of a steady load of
 * look-ups without and with 100,000 entries expiring. Ids of 100 bytes, sessions
 * of 1,400, persistence on. JSON lines.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CircularLog } from '../src/sessions/memory/circular-log.ts';
import { geometryOf } from '../src/sessions/file/geometry.ts';
import { inspectFile, keepInFile } from '../src/sessions/file/persistence.ts';
import { expectManyReads, systemClock } from '../src/system/clock.ts';

// As in a daemon that serves.
expectManyReads();

const program = fileURLToPath(import.meta.url);
const idBytes = 100;
const sessionBytes = 1400;
const rawBytes = idBytes + sessionBytes;
const sizeLimitBytes = 2 * 1024 ** 3;

const id = { buffer: Buffer.alloc(idBytes, 'i'), start: 0, end: idBytes };
const session = { buffer: Buffer.alloc(sessionBytes, 's'), start: 0, end: sessionBytes };

const silent = {
  verbose: 0,
  info: (): void => undefined,
  warning: (text: string): void => console.error(text),
  error: (text: string): void => console.error(text),
};

function setId(number: number): void {
  id.buffer.writeUInt32LE(number, 20);
}

/** A permutation-like walk that no cache line likes. */
function scattered(count: number, entries: number): number {
  return (Math.imul(count, 2_654_435_761) >>> 0) % entries;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

interface Rate {
  perSecond: number;
  p99Us: number;
  worstUs: number;
}

/** Calls by tens between turns of the event loop, as requests come; the loop's own time counts. */
async function measure(count: number, call: (index: number) => void): Promise<Rate> {
  const tookUs = new Float64Array(count);
  const start = performance.now();
  for (let index = 0; index < count;) {
    for (let some = 0; some < 10 && index < count; some += 1, index += 1) {
      const before = performance.now();
      call(index);
      tookUs[index] = (performance.now() - before) * 1000;
    }
    await turn();
  }
  const seconds = (performance.now() - start) / 1000;
  tookUs.sort();
  const round = (value: number): number => Math.round(value * 100) / 100;
  return {
    perSecond: Math.round(count / seconds),
    p99Us: round(tookUs[Math.floor(count * 0.99)]!),
    worstUs: round(tookUs[count - 1]!),
  };
}

/** The same without looking at the clock for each call. */
function measureTight(count: number, call: (index: number) => void): number {
  const start = performance.now();
  for (let index = 0; index < count; index += 1) {
    call(index);
  }
  return Math.round((count / (performance.now() - start)) * 1000);
}

function open(path: string): {
  log: CircularLog;
  written: () => Promise<void>;
  loaded: Promise<void>;
} {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  const geometry = geometryOf(sizeLimitBytes);
  const log = new CircularLog(
    { lifetimeSeconds: 3600, sizeLimitBytes, entryLimit: 0, ...geometry },
    { clock: systemClock },
  );
  const found = inspectFile(fd, 'smtp', geometry.slotBytes);
  if (found === 'foreign' || found === 'useless') {
    closeSync(fd);
    throw new Error(`${path} is no cache file`);
  }
  const { mirror, loaded } = keepInFile('smtp', fd, log, found, undefined, { log: silent });
  return { log, written: () => mirror.written(), loaded };
}

async function measureSize(entries: number, path: string): Promise<object> {
  const cache = open(path);
  const { log } = cache;
  const fixedBytes = process.memoryUsage.rss();
  const update = await measure(entries, (index) => {
    setId(index);
    log.update(id, session);
  });
  await cache.written();
  const memoryBytes = process.memoryUsage.rss();
  const { fileBytes } = log.statistics();
  const looks = 1_000_000;
  const lookUp = (index: number): void => {
    setId(scattered(index, entries));
    log.lookup(id);
  };
  measureTight(looks, lookUp);
  const lookupsPerSecond = measureTight(looks, lookUp);
  const lookup = await measure(200_000, lookUp);
  const replace = await measure(Math.max(100_000, entries), (index) => {
    setId(scattered(index, entries));
    log.update(id, session);
  });
  await cache.written();
  const replacedMemoryBytes = process.memoryUsage.rss();
  const replacedFileBytes = log.statistics().fileBytes;
  const beforeClose = performance.now();
  log.closeNow();
  const closeMs = performance.now() - beforeClose;
  const per = (bytes: number): number => Math.round((bytes / entries / rawBytes) * 1000) / 1000;
  return {
    entries,
    update,
    lookupsPerSecond,
    lookup,
    replace,
    memoryPerRaw: per(memoryBytes),
    memoryPerRawWithoutFixed: per(memoryBytes - fixedBytes),
    filePerRaw: per(fileBytes),
    replacedMemoryPerRaw: per(replacedMemoryBytes),
    replacedFilePerRaw: per(replacedFileBytes),
    closeMs: Math.round(closeMs),
  };
}

/**
 * Look-ups one by one between turns of the event loop, as long as `go` says: the
 * 99th percentile of the time from one to the next, microseconds.
 */
async function steadyLookups(
  log: CircularLog,
  entries: number,
  go: () => boolean,
): Promise<number> {
  const tookUs: number[] = [];
  for (let index = 0; go(); index += 1) {
    const before = performance.now();
    await turn();
    setId(entries + scattered(index, 1000));
    log.lookup(id);
    tookUs.push((performance.now() - before) * 1000);
  }
  tookUs.sort((a, b) => a - b);
  return tookUs[Math.floor(tookUs.length * 0.99)]!;
}

async function measureExpiry(): Promise<object> {
  const entries = 100_000;
  const lifetimeSeconds = 3;
  const log = new CircularLog(
    { lifetimeSeconds, sizeLimitBytes, entryLimit: 0, ...geometryOf(sizeLimitBytes) },
    { clock: systemClock },
  );
  const store = (from: number, to: number): void => {
    for (let number = from; number < to; number += 1) {
      setId(number);
      log.update(id, session);
    }
  };
  const start = performance.now();
  store(0, entries);
  const inSeconds = (seconds: number) => (): boolean => performance.now() < start + seconds * 1000;
  const without = await steadyLookups(log, entries, inSeconds(2));
  store(entries, entries + 1000);
  // The cache's own timer begins, a second after the lifetime.
  await steadyLookups(log, entries, () => log.statistics().expired === 0);
  const began = performance.now();
  const expiring = await steadyLookups(log, entries, () => log.statistics().expired < entries);
  const tookMs = performance.now() - began;
  log.closeNow();
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    expired: entries,
    inMs: round(tookMs),
    p99UsWithout: round(without),
    p99UsWhileExpiring: round(expiring),
  };
}

/** In a process of its own, as after a restart. */
async function measureLoad(path: string): Promise<object> {
  const start = performance.now();
  const { log, loaded } = open(path);
  await loaded;
  const loadMs = Math.round(performance.now() - start);
  const { entries } = log.statistics();
  log.closeNow();
  return { loaded: entries, inMs: loadMs };
}

async function main(): Promise<void> {
  const [what, ...rest] = process.argv.slice(2);
  if (what === 'one') {
    console.log(JSON.stringify(await measureSize(Number(rest[0]), rest[1]!)));
    return;
  }
  if (what === 'load') {
    console.log(JSON.stringify(await measureLoad(rest[0]!)));
    return;
  }
  if (what === 'expiry') {
    console.log(JSON.stringify(await measureExpiry()));
    return;
  }
  const sizes = what === undefined ? ['1000', '100000', '1000000'] : [what, ...rest];
  const run = (...words: string[]): void => {
    const child = spawnSync(process.execPath, ['--import', 'tsx', program, ...words], {
      stdio: 'inherit',
    });
    process.exitCode ||= child.status ?? 1;
  };
  for (const size of sizes) {
    const directory = mkdtempSync(join(tmpdir(), 'tlsmgr-bench-'));
    run('one', size, join(directory, 'cache'));
    run('load', join(directory, 'cache'));
    rmSync(directory, { recursive: true });
  }
  run('expiry');
}

// Timers of a cache keep no process alive.
const keepAlive = setInterval(() => undefined, 1000);
await main();
clearInterval(keepAlive);
