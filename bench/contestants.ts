/**
 * The daemons that are measured: Postfix's own and ours, each under the
 * master(8) of an instance of its own with the same main.cf, and two floors.
 * Each is pinned, with all its threads and its master, to one processor.
 */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { makeCodeCache } from '../src/cli/install/code-cache.ts';
import { launcherText } from '../src/cli/postfix/launcher.ts';
import { patientClient } from '../test/patient-client.ts';
import { PostfixInstance } from '../test/postfix/instance.ts';
import { poll } from '../test/postfix/poll.ts';
import { nodeFloorProgram, program } from './programs.ts';

export interface Contestant {
  name: string;
  socketPath: string;
  /** The daemon's pid. */
  pid: number;
  /** Its and its master's: both work for a request. */
  pids: number[];
  /** The file that its postlogd writes; empty for a floor. */
  logPath: string;
  /** Milliseconds from the first connection to the first answer, of a process that has to be started. */
  firstAnswerMs: number | undefined;
  /** Ends the process by a reload. @returns firstAnswerMs of the next one. */
  startAgain(): Promise<number>;
  stop(): Promise<void>;
}

export const originalTlsmgr = '/usr/lib/postfix/sbin/tlsmgr';

const root = join(import.meta.dirname, '..');

/** Our launcher; with another node than the one that built it, in a copy of what is built. */
export function ourTlsmgr(node: string | undefined): string {
  if (node === undefined) {
    return join(root, 'bin/tlsmgr');
  }
  const copy = mkdtempSync('/tmp/tlsmgr-bench-');
  process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
  for (const name of ['bin', 'dist', 'package.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  writeFileSync(join(copy, 'dist/node-path'), `${node}\n`);
  return join(copy, 'bin/tlsmgr');
}

/** A launcher as `tlsmgr install` writes it, for a copy of what is built. */
export async function installedTlsmgr(node = process.execPath): Promise<string> {
  const copy = mkdtempSync('/tmp/tlsmgr-bench-');
  process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
  chmodSync(copy, 0o755);
  for (const name of ['dist', 'package.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const started = { node, program: join(copy, 'dist/program/main.js') };
  await makeCodeCache(started);
  const paths = { ...started, original: originalTlsmgr, postlog: '/usr/sbin/postlog' };
  const launcher = join(copy, 'tlsmgr');
  writeFileSync(launcher, launcherText(paths), { mode: 0o755 });
  return launcher;
}

/** Processor of the daemons, and of a client that has many connections. */
export const daemonProcessor = 0;
export const clientProcessor = 1;

/** @param mainCf further parameters. */
export async function postfixContestant(
  name: string,
  tlsmgr: string,
  mainCf: Record<string, string> = {},
): Promise<Contestant> {
  const instance = await PostfixInstance.create({
    tlsmgr,
    name,
    mainCf: {
      smtpd_tls_session_cache_database: 'btree:${data_directory}/smtpd_scache',
      smtp_tls_session_cache_database: 'btree:${data_directory}/smtp_scache',
      lmtp_tls_session_cache_database: 'btree:${data_directory}/lmtp_scache',
      smtpd_tls_loglevel: '0',
      smtp_tls_loglevel: '0',
      lmtp_tls_loglevel: '0',
      ...mainCf,
    },
  });
  await instance.start();
  const master = instance.masterPid()!;
  pin(master);
  // The process that master started by itself goes: how long the next one takes is seen.
  await firstAnswer(instance.socketPath);
  const contestant: Contestant = {
    name,
    socketPath: instance.socketPath,
    logPath: join(instance.directory, 'log'),
    pid: 0,
    pids: [],
    firstAnswerMs: undefined,
    async startAgain() {
      await instance.reload();
      const tookMs = await firstAnswer(instance.socketPath);
      contestant.pid = instance.tlsmgrPid()!;
      contestant.pids = [contestant.pid, master];
      contestant.firstAnswerMs = tookMs;
      pin(contestant.pid);
      return tookMs;
    },
    stop: async () => {
      await instance.stop();
      instance.cleanup();
    },
  };
  await contestant.startAgain();
  return contestant;
}

/** An epoll loop in C, floor.c. */
export function floorContestant(): Promise<Contestant> {
  return floorOf('floor', program('floor'));
}

/** What Node itself takes, node-floor.mjs. */
export function nodeFloorContestant(node = process.execPath): Promise<Contestant> {
  return floorOf('node-floor', nodeFloorProgram(node));
}

async function floorOf(name: string, command: string): Promise<Contestant> {
  const socketPath = join(root, `run/bench/${name}.sock`);
  rmSync(socketPath, { force: true });
  const child = spawn('taskset', ['-c', String(daemonProcessor), command, socketPath], {
    stdio: 'inherit',
  });
  await poll(`the ${name} listens`, () =>
    statSync(socketPath, { throwIfNoEntry: false })?.isSocket(),
  );
  return {
    name,
    socketPath,
    pid: child.pid!,
    pids: [child.pid!],
    logPath: '',
    firstAnswerMs: undefined,
    startAgain: () => Promise.reject(new Error('a floor starts once')),
    stop: async () => void child.kill(),
  };
}

export async function firstAnswer(socketPath: string): Promise<number> {
  const client = patientClient(socketPath);
  const started = performance.now();
  await client.policy('smtpd');
  const elapsed = performance.now() - started;
  void client.close();
  return elapsed;
}

/** Pins all threads of a process to a processor. */
export function pin(pid: number, processor = daemonProcessor): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(processor), String(pid)], {
    stdio: 'ignore',
  });
}
