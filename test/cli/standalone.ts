/** A built tlsmgr serving in a scratch folder, and its verbs run against it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');

export interface Ran {
  status: number | null;
  out: string;
  err: string;
}

export class Standalone {
  readonly folder = mkdtempSync(join(tmpdir(), 'tlsmgr-cli-'));
  readonly socket = join(this.folder, 'run/tlsmgr.sock');
  /** Of the daemon. */
  environment: NodeJS.ProcessEnv = process.env;
  #daemon: ChildProcess | undefined;
  #said = '';
  #saidMore = (): void => {};
  #descriptors: readonly number[] = [];

  /** Starts `tlsmgr serve` in the scratch folder; settles when it serves. */
  start(...args: string[]): Promise<void> {
    return this.#startBy(launcher, ['serve', ...args]);
  }

  /** The same, with so many descriptors at most. */
  startWithDescriptors(count: number, ...args: string[]): Promise<void> {
    return this.#startLimited(`-n ${count}`, args);
  }

  /** The same, with so much address space, in kB. */
  startWithAddressSpace(kilobytes: number, ...args: string[]): Promise<void> {
    return this.#startLimited(`-v ${kilobytes}`, args);
  }

  /** The same, with files of so many blocks at most. */
  startWithFileSize(blocks: number, ...args: string[]): Promise<void> {
    return this.#startLimited(`-f ${blocks}`, args);
  }

  /** The same, with so much data, in kB. */
  startWithData(kilobytes: number, ...args: string[]): Promise<void> {
    return this.#startLimited(`-d ${kilobytes}`, args);
  }

  /** The same, in this control group. */
  startInGroup(group: string, ...args: string[]): Promise<void> {
    const script = `echo $$ > ${group}/cgroup.procs; exec "$0" serve "$@"`;
    return this.#startBy('/bin/sh', ['-c', script, launcher, ...args]);
  }

  #startLimited(limit: string, args: readonly string[]): Promise<void> {
    const script = `ulimit ${limit}; exec "$0" serve "$@"`;
    return this.#startBy('/bin/sh', ['-c', script, launcher, ...args]);
  }

  /** The same, with these descriptors from 3 on, as systemd hands them over. */
  async startWithSockets(descriptors: readonly number[], ...args: string[]): Promise<void> {
    this.#descriptors = descriptors;
    const script = `LISTEN_PID=$$ LISTEN_FDS=${descriptors.length} exec "$0" serve "$@"`;
    await this.#startBy('/bin/sh', ['-c', script, launcher, ...args]);
  }

  async #startBy(command: string, words: readonly string[]): Promise<void> {
    const daemon = spawn(command, words, {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe', ...this.#descriptors],
      env: this.environment,
    });
    this.#daemon = daemon;
    const stderr = daemon.stderr!;
    stderr.setEncoding('utf8');
    await new Promise<void>((resolve, reject) => {
      stderr.on('data', (text: string) => {
        this.#said += text;
        this.#saidMore();
        if (this.#said.includes('serving on')) {
          resolve();
        }
      });
      daemon.once('exit', () => reject(new Error(`ended: ${this.#said}`)));
    });
  }

  get pid(): number {
    return this.#daemon!.pid!;
  }

  get said(): string {
    return this.#said;
  }

  signal(signal: NodeJS.Signals): void {
    this.#daemon!.kill(signal);
  }

  /** Settles when the daemon has said this, after the `from`-th character. */
  async says(pattern: RegExp, from = 0): Promise<void> {
    while (!pattern.test(this.#said.slice(from))) {
      await new Promise<void>((resolve) => {
        this.#saidMore = resolve;
      });
    }
  }

  /** Runs a verb in the scratch folder. */
  async run(...args: string[]): Promise<Ran> {
    const child = spawn(launcher, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {},
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, out, err };
  }

  /** Ends the daemon by a signal. @returns its exit status. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) {
      return daemon?.exitCode ?? null;
    }
    daemon.kill(signal);
    const [status] = (await once(daemon, 'exit')) as [number | null];
    return status;
  }

  remove(): void {
    this.#daemon?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Why the built program can't be run, or false. */
export const notBuilt = existsSync(join(import.meta.dirname, '../../dist/program/main.js'))
  ? false
  : 'not built: npm run build';
