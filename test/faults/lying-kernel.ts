/**
 * A Postfix whose tlsmgr is told by the kernel, in the person of strace(1), that
 * a system call has failed: one call of its start, or of its saving at the end.
 * The lie hits one process; the next one is told the truth.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient, untilAnswered } from '../patient-client.ts';
import { PostfixInstance } from '../postfix/instance.ts';
import { poll } from '../postfix/poll.ts';
import { isAlive, programOf, statusOf } from '../postfix/processes.ts';

export const strace = '/usr/bin/strace';

export const sessions = 20;
/** No answer for so long: a hang. */
const hangMs = 30_000;

/** Calls that can't fail, and a lock whose failure glibc takes for the end of the world. */
const untold =
  /^(?:exit|exit_group|futex|get\w*[ug]id|getpid|getppid|gettid|restart_syscall|rt_sig\w+|umask|alarm)$/u;

export interface Lie {
  call: string;
  /** `ENOSPC` and the like. */
  error: string;
  /** Which of the process' calls of this kind, as strace counts them: `7`, or `7+` for all from there. */
  when: string;
}

export interface Outcome {
  /** Who answers: the process that was lied to, another of ours, Postfix's own, or nobody in time. */
  served: 'the same' | 'another' | 'the original' | 'nobody';
  waitedMs: number;
  /** Of the sessions stored before: what that process gave back, and the next one, which nobody lied to. */
  kept: number;
  keptAfterwards: number;
  wrong: number;
  /** The line of the trace that shows the lie; undefined when the call wasn't made. */
  told: string | undefined;
  logged: string[];
}

/** A call of the main thread. */
export interface Call {
  call: string;
  /** Which of its kind, as strace counts them. */
  number: number;
  /** The line of the trace. */
  text: string;
  /** Of a file or socket of this Postfix. */
  ofInstance: boolean;
}

function idOf(number: number): string {
  return `known-${number}&s=smtp&l=805306720`;
}

function sessionOf(number: number): Buffer {
  return Buffer.alloc(1500, `session ${number} `);
}

export class LyingKernel {
  readonly #instance: PostfixInstance;
  #client: TlsmgrClient;
  /** Words for strace; who reads them takes them away. */
  readonly #words: string;
  readonly #trace: string;

  static async start(tlsmgr: string): Promise<LyingKernel> {
    const instance = await PostfixInstance.create({
      tlsmgr,
      name: 'lies',
      tlsmgrWords: '-o tlsmgr_session_cache_persistent=yes',
      mainCf: { service_throttle_time: '1s', smtpd_tls_loglevel: '0', smtp_tls_loglevel: '0' },
    });
    const kernel = new LyingKernel(instance, tlsmgr);
    await instance.start();
    await kernel.#store();
    return kernel;
  }

  private constructor(instance: PostfixInstance, tlsmgr: string) {
    this.#instance = instance;
    this.#words = join(instance.directory, 'strace-words');
    this.#trace = join(instance.directory, 'trace');
    const program = join(instance.directory, 'sbin/tlsmgr');
    rmSync(program);
    writeFileSync(
      program,
      `#!/bin/sh
if [ -r ${this.#words} ]; then
  read -r words < ${this.#words}
  /bin/rm ${this.#words}
  exec ${strace} -D -f -qq -s 200 -o ${this.#trace} $words ${tlsmgr} "$@"
fi
exec ${tlsmgr} "$@"
`,
      { mode: 0o755 },
    );
    this.#client = patientClient(instance.socketPath, hangMs);
  }

  /** The calls of the main thread from the loading of our program to its answers. */
  async callsOfStart(): Promise<Call[]> {
    this.#tellNext('-e trace=all');
    await this.#restart();
    await this.#kept();
    const lines = this.#linesOfMain();
    const begin = lines.findIndex((line) =>
      /^\d+ +(?:openat|readlink|statx|newfstatat)\(.*main\.js/u.test(line),
    );
    return this.#callsIn(lines, begin);
  }

  async callsOfSaving(): Promise<Call[]> {
    await this.#restart();
    await this.#kept();
    const tracer = await this.#attach(['-e', 'trace=all']);
    await this.#restart();
    await tracer.ended;
    await this.#kept();
    return this.#callsIn(this.#linesOfMain(tracer.pid), 0);
  }

  async duringStart(lie: Lie): Promise<Outcome> {
    const logStart = this.#instance.log().length;
    this.#tellNext(words(lie).join(' '));
    await this.#restart();
    const startedMs = performance.now();
    const { kept, wrong, waitedMs } = await this.#kept();
    const told = this.#told();
    const served = this.#server(kept);
    return this.#afterwards(
      { served, kept, wrong, told, waitedMs: waitedMs || performance.now() - startedMs },
      logStart,
    );
  }

  async duringSaving(lie: Lie): Promise<Outcome> {
    const logStart = this.#instance.log().length;
    const tracer = await this.#attach(words(lie));
    await this.#restart();
    await tracer.ended;
    const { kept, wrong, waitedMs } = await this.#kept();
    const served = this.#server(kept);
    return this.#afterwards({ served, kept, wrong, waitedMs, told: this.#told() }, logStart);
  }

  async stop(): Promise<void> {
    void this.#client.close();
    rmSync(this.#words, { force: true });
    await this.#instance.stop();
    this.#instance.cleanup();
  }

  async #afterwards(
    outcome: Omit<Outcome, 'keptAfterwards' | 'logged'>,
    logStart: number,
  ): Promise<Outcome> {
    rmSync(this.#words, { force: true });
    await this.#restart();
    const { kept, wrong } = await this.#kept();
    const logged = this.#instance
      .log()
      .slice(logStart)
      .split('\n')
      .filter((line) => /(?:warning|error|fatal|panic): /u.test(line))
      .map((line) => line.replace(/^.*?\]: /u, '').replaceAll(this.#instance.directory, 'DIR'));
    if (kept < sessions) {
      await this.#store();
    }
    return { ...outcome, keptAfterwards: kept, wrong: outcome.wrong + wrong, logged };
  }

  /** The running process goes; another is started when it is asked for. */
  async #restart(): Promise<void> {
    await this.#client.close();
    this.#client = patientClient(this.#instance.socketPath, hangMs);
    const pid = this.#instance.tlsmgrPid();
    // Ours is tried each time, however often it has failed. The reload starts it at once: a record
    // that went later would be that of this start, or not, as it falls.
    rmSync(join(this.#instance.queueDirectory, 'pid/tlsmgr.start'), { force: true });
    try {
      await this.#instance.reload();
    } catch (thrown) {
      // It hangs: what it was asked counts already.
      if (pid === undefined || !isAlive(pid)) {
        throw thrown;
      }
      process.kill(pid, 'SIGKILL');
      await this.#instance.waitForEnd(pid);
    }
  }

  #server(kept: number): Outcome['served'] {
    const pid = this.#instance.tlsmgrPid();
    if (kept < 0 || pid === undefined) {
      return 'nobody';
    }
    // The launcher asks node its version first, in processes that are traced as well.
    if (this.#linesOfMain(pid).some((line) => line.includes('INJECTED'))) {
      return 'the same';
    }
    return programOf(pid) === 'tlsmgr' ? 'the original' : 'another';
  }

  #tellNext(straceWords: string): void {
    rmSync(this.#trace, { force: true });
    writeFileSync(this.#words, `${straceWords}\n`);
  }

  async #attach(straceWords: readonly string[]): Promise<{ ended: Promise<unknown>; pid: number }> {
    rmSync(this.#trace, { force: true });
    const pid = this.#instance.tlsmgrPid()!;
    const args = ['-f', '-qq', '-o', this.#trace, ...straceWords, '-p', String(pid)];
    const tracer = spawn(strace, args, { stdio: 'inherit' });
    const ended = once(tracer, 'close');
    await poll('strace to be there', () => statusOf(`/proc/${pid}`)?.get('TracerPid') !== '0');
    return { ended, pid };
  }

  async #store(): Promise<void> {
    for (let number = 0; number < sessions; number += 1) {
      await untilAnswered(this.#client, () =>
        this.#client.update('smtpd', idOf(number), sessionOf(number)),
      );
    }
    // The process that ends saves them: from then on they are promised.
    await this.#restart();
    await this.#kept();
  }

  /** What is there of the sessions; -1 when nobody answers. */
  async #kept(): Promise<{ kept: number; wrong: number; waitedMs: number }> {
    const startedMs = performance.now();
    let kept = 0;
    let wrong = 0;
    let waitedMs = 0;
    try {
      for (let number = 0; number < sessions; number += 1) {
        const session = await untilAnswered(
          this.#client,
          () => this.#client.lookup('smtpd', idOf(number)),
          hangMs,
        );
        waitedMs ||= performance.now() - startedMs;
        kept += session === undefined ? 0 : 1;
        wrong += session?.equals(sessionOf(number)) === false ? 1 : 0;
      }
      return { kept, wrong, waitedMs };
    } catch {
      return { kept: -1, wrong, waitedMs: performance.now() - startedMs };
    }
  }

  /** @param begin the line from which on calls are wanted. */
  #callsIn(lines: readonly string[], begin: number): Call[] {
    const counts = new Map<string, number>();
    const calls: Call[] = [];
    for (const [index, text] of lines.entries()) {
      const call = /^\d+ +(\w+)\(/u.exec(text)?.[1];
      if (call === undefined || untold.test(call)) {
        continue;
      }
      const number = (counts.get(call) ?? 0) + 1;
      counts.set(call, number);
      if (index >= begin) {
        const ofInstance = text.includes(this.#instance.directory);
        calls.push({ call, number, text, ofInstance });
      }
    }
    return calls;
  }

  #lines(): string[] {
    return existsSync(this.#trace) ? readFileSync(this.#trace, 'latin1').split('\n') : [];
  }

  #told(): string | undefined {
    return this.#lines().find((line) => line.includes('(INJECTED)'));
  }

  /** @param pid the first one of the trace if not given. */
  #linesOfMain(pid?: number): string[] {
    const lines = this.#lines();
    const main = pid === undefined ? lines[0]?.split(' ')[0] : String(pid);
    return lines.filter((line) => line.split(' ')[0] === main);
  }
}

function words({ call, error, when }: Lie): string[] {
  return ['-e', `trace=${call}`, '-e', `inject=${call}:error=${error}:when=${when}`];
}
