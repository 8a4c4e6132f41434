/**
 * Starts a daemon the way master(8) does, without Postfix: as root, with the
 * descriptors, the directory and the poor environment that it has there, and
 * keeps what it says on its status channel and on stderr.
 *
 *     0        /dev/null
 *     1, 2     pipes, where master has /dev/null: `-V` makes stderr tell the log
 *     3, 4     the flow-control pipe (here: sockets, never to be touched)
 *     5        one end of a socketpair
 *     6        a listening socket, non-blocking, bound in queue/private
 *
 * Source: src/master/master_spawn.c.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { endOnSignals } from './end-on-signals.ts';
import { idOf } from './instance.ts';
import { writeMainCf } from './main-cf.ts';

export interface StandInOptions {
  daemon: string;
  /** Default: what master gives for Debian's line, and -V. */
  args?: readonly string[];
  /** In place of the stand-in's own parameters of main.cf. */
  mainCf?: Record<string, string>;
  /** In place of, or besides, its own environment. */
  environment?: Record<string, string>;
  /** The last descriptor handed over: 6, or less to leave some out. */
  lastDescriptor?: 4 | 5 | 6;
}

export interface Ending {
  /** Undefined when a signal ended it. */
  status: number | undefined;
  signal: string | undefined;
}

export const usualArgs = ['-V', '-l', '-t', 'unix', '-u', '-c'];

const statusDescriptor = 5;

/** Bytes of a message on the status channel: pid, generation, state; three ints. */
const statusMessageBytes = 12;

export interface StatusMessage {
  pid: number;
  generation: number;
  /** 0 taken, 1 available. */
  state: number;
}

export class StandInMaster {
  readonly directory: string;
  /** The daemon's process number. */
  readonly pid: number;
  /** By performance.now(), before the daemon was there. */
  readonly startedAtMs: number;
  /** Resolves when the daemon has ended and all it said has been read. */
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #statusChunks: Buffer[] = [];
  #stderr = '';
  readonly #onExit = (): void => this.cleanup();

  static async start(options: StandInOptions): Promise<StandInMaster> {
    const directory = mkdtempSync('/tmp/postfix-stand-in-');
    try {
      makeDirectories(directory, options.mainCf ?? {});
      const listener = await listen(join(directory, 'queue/private/tlsmgr'));
      try {
        return new StandInMaster(options, directory, listener);
      } finally {
        // Before this process can accept anything itself.
        listener.close();
      }
    } catch (thrown) {
      rmSync(directory, { recursive: true, force: true });
      throw thrown;
    }
  }

  private constructor(options: StandInOptions, directory: string, listener: Server) {
    this.directory = directory;
    const queue = join(directory, 'queue');
    this.startedAtMs = performance.now();
    const umask = process.umask(0o77);
    try {
      this.#child = spawn(options.daemon, [...(options.args ?? usualArgs)], {
        cwd: queue,
        env: { MAIL_CONFIG: join(directory, 'etc'), LANG: 'C', ...options.environment },
        stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', descriptorOf(listener)].slice(
          0,
          (options.lastDescriptor ?? 6) + 1,
        ) as ('ignore' | 'pipe' | number)[],
      });
    } finally {
      process.umask(umask);
    }
    this.pid = this.#child.pid ?? 0;
    process.once('exit', this.#onExit);
    endOnSignals();
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    // A daemon that has gone may leave an ECONNRESET here.
    this.#statusChannel?.on('error', () => undefined);
    this.#statusChannel?.on('data', (chunk: Buffer) => this.#statusChunks.push(chunk));
    this.ended = once(this.#child, 'close').then(
      ([status, signal]: (number | string | null)[]) => ({
        status: (status as number | null) ?? undefined,
        signal: (signal as string | null) ?? undefined,
      }),
    );
  }

  get socketPath(): string {
    return join(this.directory, 'queue/private/tlsmgr');
  }

  get exchangePath(): string {
    return join(this.directory, 'data/prng_exch');
  }

  /** What the daemon logged, line by line. */
  get logged(): string[] {
    return this.#stderr.split('\n').filter((line) => line !== '');
  }

  /** All messages up to now; complete once the daemon has ended. */
  get statusMessages(): StatusMessage[] {
    const bytes = Buffer.concat(this.#statusChunks);
    if (bytes.length % statusMessageBytes !== 0) {
      throw new Error(`${bytes.length} bytes on the status channel: ${bytes.toString('hex')}`);
    }
    return Array.from({ length: bytes.length / statusMessageBytes }, (_, index) => {
      const start = index * statusMessageBytes;
      return {
        pid: bytes.readInt32LE(start),
        generation: bytes.readUInt32LE(start + 4),
        state: bytes.readInt32LE(start + 8),
      };
    });
  }

  /** What a reload looks like from below: end-of-file on descriptor 5. What comes from there is still read. */
  letGo(): void {
    this.#statusChannel?.end();
  }

  kill(signal: 'SIGTERM' | 'SIGHUP' | 'SIGALRM' | 'SIGPIPE' | 'SIGXFSZ' | 'SIGINT'): void {
    this.#child.kill(signal);
  }

  /** Kills the daemon, if need be, and removes the directory. */
  cleanup(): void {
    process.removeListener('exit', this.#onExit);
    this.#child.kill('SIGKILL');
    for (const stream of this.#child.stdio) {
      stream?.destroy();
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  get #statusChannel(): Socket | undefined {
    const streams: readonly unknown[] = this.#child.stdio;
    return streams[statusDescriptor] as Socket | undefined;
  }
}

function makeDirectories(directory: string, mainCf: Record<string, string>): void {
  const owner = idOf('-u', 'postfix');
  chmodSync(directory, 0o755);
  for (const [name, mode, uid] of [
    ['etc', 0o755, 0],
    ['data', 0o700, owner],
    ['queue', 0o755, 0],
    ['queue/private', 0o700, owner],
    ['queue/public', 0o755, owner],
  ] as const) {
    mkdirSync(join(directory, name));
    chmodSync(join(directory, name), mode);
    chownSync(join(directory, name), uid, 0);
  }
  writeMainCf(join(directory, 'etc/main.cf'), {
    compatibility_level: '3.6',
    queue_directory: `${directory}/queue`,
    data_directory: `${directory}/data`,
    smtpd_tls_session_cache_database: `btree:${directory}/data/smtpd_scache`,
    smtp_tls_session_cache_database: `btree:${directory}/data/smtp_scache`,
    ...mainCf,
  });
}

/** Listens at a path that stays when the listener is closed. */
async function listen(path: string): Promise<Server> {
  const passing = `${path}.new`;
  const server = createServer().listen(passing);
  await once(server, 'listening');
  chmodSync(passing, 0o666);
  renameSync(passing, path);
  return server;
}

/** node:net has no public name for it. */
function descriptorOf(server: Server): number {
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  if (typeof fd !== 'number' || fd < 0) {
    throw new TypeError('a listening socket without a descriptor');
  }
  return fd;
}
