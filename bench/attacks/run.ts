/**
 * All attacks at once on one daemon, beside a steady client that measures and a
 * reader of metrics that asks every five seconds from another address than the
 * attackers.
 *
 *     node --import tsx bench/attacks/run.ts [--minutes 60] [--idle 60] [--only NAME] [--lifetime TIME]
 *
 * The daemon has one processor, its clients the other; attackers run at the
 * lowest priority there, so that the steady client's waits are the daemon's. It
 * asks for a known session every two milliseconds. First it does so for --idle
 * seconds without attackers: each p99 is given as a multiple of that one. Exit
 * status 1 when the p99 of the whole is more than ten times the idle one, an
 * answer was wrong or a session missing, or memory has grown by more than a quarter between the
 * highest of the second tenth and the highest of the last.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient, untilAnswered } from '../../test/patient-client.ts';
import { get } from '../../test/metrics/http-client.ts';
import { freePort, PostfixInstance } from '../../test/postfix/instance.ts';
import { clientProcessor, ourTlsmgr, pin } from '../contestants.ts';
import { idOf, knownSessions, sessionOf } from '../faults/steady-client.ts';
import { residentMegabytes } from '../processor-time.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    idle: { type: 'string', default: '60' },
    only: { type: 'string' },
    lifetime: { type: 'string' },
  },
});
const seconds = Number(values.minutes) * 60;
const rowSeconds = Math.max(5, Math.min(60, seconds / 20));
const betweenMs = 2;
const scrapeEveryMs = 5000;
const attackers = join(import.meta.dirname, 'attackers.ts');

class Steady {
  answered = 0;
  /** Not found: wrong as well while the sessions live. */
  missed = 0;
  wrong = 0;
  failed = 0;
  waits = createHistogram();
  readonly #client: TlsmgrClient;
  #stopped = false;

  constructor(socketPath: string) {
    this.#client = patientClient(socketPath, 120_000);
  }

  async store(): Promise<void> {
    for (let number = 0; number < knownSessions; number += 1) {
      await this.#client.update('smtpd', idOf(number), sessionOf(number));
    }
  }

  async run(): Promise<void> {
    for (let number = 0; !this.#stopped; number = (number + 1) % knownSessions) {
      const from = performance.now();
      try {
        const session = await untilAnswered(this.#client, () =>
          this.#client.lookup('smtpd', idOf(number)),
        );
        this.answered += 1;
        this.missed += session === undefined ? 1 : 0;
        this.wrong += session?.equals(sessionOf(number)) === false ? 1 : 0;
      } catch {
        this.failed += 1;
      }
      this.waits.record(Math.max(1, Math.round((performance.now() - from) * 1000)));
      await sleep(betweenMs);
    }
    void this.#client.close();
  }

  /** @returns what was measured since the last call. */
  take(): RecordableHistogram {
    const taken = this.waits;
    this.waits = createHistogram();
    return taken;
  }

  stop(): void {
    this.#stopped = true;
  }
}

const port = await freePort();
const instance = await PostfixInstance.create({
  tlsmgr: ourTlsmgr(undefined),
  name: 'attacks',
  mainCf: {
    smtpd_tls_loglevel: '0',
    smtp_tls_loglevel: '0',
    // The known sessions are stored once: they must outlive the run.
    smtpd_tls_session_cache_timeout: values.lifetime ?? `${Math.ceil(seconds * 2 + 3600)}s`,
    lmtp_tls_session_cache_database: 'btree:${data_directory}/lmtp_scache',
    tlsmgr_metrics_listen: `127.0.0.1:${port}`,
  },
});
let children: ChildProcess[] = [];
try {
  await instance.start();
  process.exitCode = await measure();
  await instance.stop();
} finally {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  instance.cleanup();
}

async function measure(): Promise<number> {
  const steady = new Steady(instance.socketPath);
  await steady.store();
  const pid = instance.tlsmgrPid()!;
  pin(instance.masterPid()!);
  pin(pid);
  execFileSync('taskset', ['-a', '-c', '-p', String(clientProcessor), String(process.pid)], {
    stdio: 'ignore',
  });
  const running = steady.run();
  await sleep(3000);
  steady.take();
  await sleep(Number(values.idle) * 1000);
  const idle = steady.take();
  console.log(
    '| minute | answers | wrong | missed | failed | p50, us | p99, us | of idle | longest, ms | memory, MB | descriptors | scrapes | scrape, longest ms |',
  );
  console.log(`|${' --- |'.repeat(13)}`);
  const scrapes = { answered: 0, asked: 0, longestMs: 0 };
  const row = (label: string, waits: RecordableHistogram): void => {
    const cells = [
      label,
      waits.count,
      steady.wrong,
      steady.missed,
      steady.failed,
      waits.percentile(50),
      waits.percentile(99),
      (waits.percentile(99) / idle.percentile(99)).toFixed(1),
      (waits.max / 1000).toFixed(1),
      residentMegabytes(pid).toFixed(0),
      readdirSync(`/proc/${pid}/fd`).length,
      `${scrapes.answered} of ${scrapes.asked}`,
      scrapes.longestMs.toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  };
  row('idle', idle);

  const names = execFileSync(process.execPath, ['--import', 'tsx', attackers], {
    encoding: 'utf8',
  });
  children = names
    .trim()
    .split('\n')
    .filter((name) => values.only === undefined || name === values.only)
    .map((name) => startAttacker(name));
  const scraper = setInterval(() => void scrape(scrapes), scrapeEveryMs);
  const whole = createHistogram();
  const memory: number[] = [];
  for (let from = 0; from < seconds; from += rowSeconds) {
    await sleep(rowSeconds * 1000);
    const waits = steady.take();
    whole.add(waits);
    memory.push(residentMegabytes(pid));
    row(((from + rowSeconds) / 60).toFixed(1), waits);
  }
  clearInterval(scraper);
  for (const child of children) {
    child.kill('SIGKILL');
  }
  steady.stop();
  await running;
  row('all', whole);
  await sleep(5000);
  console.log(`5 s afterwards: ${residentMegabytes(pid).toFixed(0)} MB`);
  console.log(`the same process: ${instance.tlsmgrPid() === pid}`);
  const complaints = instance.complaints();
  console.log(`lines of warning and error in the log: ${complaints.length}`);
  const tenth = Math.max(1, Math.floor(memory.length / 10));
  const early = Math.max(...memory.slice(tenth, 2 * tenth));
  const late = Math.max(...memory.slice(-tenth));
  const slow = whole.percentile(99) > 10 * idle.percentile(99);
  return slow || steady.wrong + steady.missed > 0 || late > early * 1.25 ? 1 : 0;
}

function startAttacker(name: string): ChildProcess {
  const script = ['--import', 'tsx', attackers, name, instance.socketPath, String(port)];
  const command = [process.execPath, ...script, String(seconds)];
  return spawn('nice', ['-n', '19', 'taskset', '-c', String(clientProcessor), ...command], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function scrape(counts: {
  answered: number;
  asked: number;
  longestMs: number;
}): Promise<void> {
  counts.asked += 1;
  const from = performance.now();
  try {
    const { status } = await get({ port }, '/metrics');
    counts.answered += status === 200 ? 1 : 0;
    counts.longestMs = Math.max(counts.longestMs, performance.now() - from);
  } catch {
    // Not answered: the count says so.
  }
}
