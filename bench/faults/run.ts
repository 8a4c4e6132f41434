/**
 * What is left of the service while something goes wrong: ours beside Postfix's
 * own, each under master(8), chrooted and without privileges, with a steady
 * client that measures.
 *
 *     node --import tsx bench/faults/run.ts [NAME...]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { patientClient } from '../../test/patient-client.ts';
import { PostfixInstance } from '../../test/postfix/instance.ts';
import { poll } from '../../test/postfix/poll.ts';
import { childrenOf, statusOf } from '../../test/postfix/processes.ts';
import { originalTlsmgr, ourTlsmgr } from '../contestants.ts';
import { residentMegabytes } from '../processor-time.ts';
import * as rude from './rude-clients.ts';
import { knownSessions, sessionOf, SteadyClient } from './steady-client.ts';

interface Fault {
  name: string;
  times: number;
  /** Makes it and mends it; the steady client runs meanwhile. */
  strike(instance: PostfixInstance): Promise<void>;
  oursOnly?: true;
}

const signal =
  (name: NodeJS.Signals) =>
  async (instance: PostfixInstance): Promise<void> => {
    const pid = instance.tlsmgrPid();
    if (pid !== undefined) {
      process.kill(pid, name);
    }
    await sleep(500);
  };

const client =
  (make: (path: string) => Promise<void>) =>
  (instance: PostfixInstance): Promise<void> =>
    make(instance.socketPath);

/** Three megabytes of sessions that the disk has no room for. */
async function storeMore({ socketPath }: PostfixInstance): Promise<void> {
  const more = patientClient(socketPath);
  for (let number = 0; number < 2000; number += 1) {
    await more.update('smtpd', `more-${number}`, sessionOf(number));
  }
  void more.close();
}

const faults: readonly Fault[] = [
  { name: 'none', times: 1, strike: () => sleep(2000) },
  { name: 'half a request, held for 2 s', times: 3, strike: client(rude.halfRequest) },
  { name: 'replies never read, 2 s', times: 3, strike: client(rude.neverReads) },
  { name: '2,000 idle connections', times: 2, strike: client(rude.manyIdle) },
  { name: '5,000 connects and closes', times: 2, strike: client(rude.connectAndClose) },
  { name: 'one client floods for 2 s', times: 3, strike: client(rude.flood) },
  { name: 'a value of 320 MB', times: 1, strike: client(rude.longValue) },
  { name: 'noise on 200 connections', times: 1, strike: client(rude.noise) },
  { name: 'SIGTERM', times: 5, strike: signal('SIGTERM') },
  { name: 'kill -9', times: 10, strike: signal('SIGKILL') },
  {
    name: 'SIGSTOP for 0.5 s, SIGCONT',
    times: 3,
    async strike(instance) {
      await signal('SIGSTOP')(instance);
      await signal('SIGCONT')(instance);
    },
  },
  { name: 'postfix reload', times: 5, strike: (instance) => instance.reload() },
  {
    name: 'exchange and cache files removed',
    times: 3,
    async strike(instance) {
      for (const name of readdirSync(instance.dataDirectory)) {
        if (/^(?:prng_exch|smtpd?_scache)/u.test(name)) {
          rmSync(join(instance.dataDirectory, name));
        }
      }
      await sleep(1500);
    },
  },
  {
    name: 'postlogd killed',
    times: 3,
    async strike(instance) {
      for (const pid of childrenOf(instance.masterPid()!)) {
        if (statusOf(`/proc/${pid}`)?.get('Name') !== 'postlogd') {
          continue;
        }
        process.kill(pid, 'SIGKILL');
      }
      await sleep(500);
    },
  },
  {
    name: 'queue directory moved away for 1 s',
    times: 3,
    async strike({ queueDirectory }) {
      renameSync(queueDirectory, `${queueDirectory}.moved`);
      await sleep(1000);
      renameSync(`${queueDirectory}.moved`, queueDirectory);
    },
  },
  {
    name: 'full disk below data_directory',
    times: 1,
    async strike(instance) {
      const filler = join(instance.dataDirectory, 'filler');
      try {
        writeFileSync(filler, Buffer.alloc(64_000_000));
      } catch {
        // That is the purpose.
      }
      await storeMore(instance);
      await sleep(2000);
      rmSync(filler);
    },
  },
  {
    name: 'master killed, Postfix started again',
    times: 3,
    async strike(instance) {
      const before = instance.tlsmgrPid();
      process.kill(instance.masterPid()!, 'SIGKILL');
      if (before !== undefined) {
        await instance.waitForEnd(before);
      }
      await poll('the old processes to end', () => instance.tlsmgrPid() === undefined);
      await instance.start();
      await sleep(500);
    },
  },
];

const wanted = process.argv.slice(2);
console.log(
  '| fault | daemon | times | right answers meanwhile | longest wait, ms | sessions lost | wrong ones | memory, MB | logged |',
);
console.log(`|${' --- |'.repeat(9)}`);
for (const fault of faults) {
  if (wanted.length === 0 || wanted.some((word) => fault.name.includes(word))) {
    await measure(fault, 'ours', ourTlsmgr(undefined));
    await measure(fault, 'C', originalTlsmgr);
  }
}

async function measure(fault: Fault, daemon: string, tlsmgr: string): Promise<void> {
  const instance = await PostfixInstance.create({
    tlsmgr,
    name: 'faults',
    mainCf: { smtpd_tls_loglevel: '0', smtp_tls_loglevel: '0' },
    ...(daemon === 'ours' ? { tlsmgrWords: '-o tlsmgr_session_cache_persistent=yes' } : {}),
  });
  const needsDisk = fault.name.includes('disk');
  if (needsDisk) {
    mountSmallDisk(instance.dataDirectory);
  }
  const steady = new SteadyClient(instance.socketPath);
  try {
    await instance.start();
    let answered = 0;
    let longest = 0;
    let lost = 0;
    let wrong = 0;
    for (let time = 0; time < fault.times; time += 1) {
      await steady.store();
      // Everything is in the file by then.
      await sleep(1200);
      steady.start();
      await fault.strike(instance);
      const felt = await steady.stop();
      answered += felt.answered;
      wrong += felt.wrong;
      longest = Math.max(longest, felt.longestWaitMs);
      lost += knownSessions - (await steady.kept());
    }
    const pid = instance.tlsmgrPid();
    const cells = [
      fault.name,
      daemon,
      fault.times,
      answered,
      longest.toFixed(0),
      `${lost} of ${knownSessions * fault.times}`,
      wrong,
      pid === undefined ? '' : residentMegabytes(pid).toFixed(0),
      logged(instance),
    ];
    console.log(`| ${cells.join(' | ')} |`);
    steady.close();
    await instance.stop();
  } finally {
    if (needsDisk) {
      execFileSync('umount', ['-l', instance.dataDirectory]);
    }
    instance.cleanup();
  }
}

/** 32 MB, so that it can be filled. */
function mountSmallDisk(directory: string): void {
  mkdirSync(directory, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=0700', 'tmpfs', directory]);
  execFileSync('chown', ['postfix', directory]);
}

/** The kinds of complaints of tlsmgr and about it, each once, without process numbers. */
function logged(instance: PostfixInstance): string {
  const texts = instance
    .complaints()
    .map((line) => line.replace(/^.*?\]: /u, '').replaceAll(/\d+/gu, 'N'))
    .map((text) => text.replaceAll(instance.directory, 'DIR').replaceAll('|', '/'));
  const kinds = [...new Set(texts)];
  const shown = kinds.slice(0, 3).map((text) => text.slice(0, 110));
  return [...shown, ...(kinds.length > 3 ? [`and ${kinds.length - 3} more`] : [])].join('; ');
}
