/**
 * A real redis-server for the tests, on a free port of 127.0.0.1 or at a UNIX
 * socket, with a folder of its own. It can be stopped (SIGSTOP), killed and
 * started again with the same address. The same program is a Sentinel or a node
 * of a Cluster when a test asks for it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mustRun } from '../postfix/run-command.ts';
import { makeTlsFiles, type TlsFiles } from './tls-files.ts';

/** TLSMGR_TEST_REDIS is the path of another server, for example of valkey-server. */
const program = process.env['TLSMGR_TEST_REDIS'] ?? '/usr/bin/redis-server';
/** redis-cli or valkey-cli, in the same folder. */
const client = program.replace(/-server$/u, '-cli');

/** Why no real redis-server can be run, or false. */
export const skipWithoutRedis: string | false = skip();

function skip(): string | false {
  const missing = [program, client].find((path) => !existsSync(path));
  return missing === undefined ? false : `no Redis: ${missing} is missing`;
}

/** A port that was free a moment ago may be taken: so many are tried. */
const mostStarts = 5;
const startLimitMs = 20_000;

export interface RedisOptions {
  /** Lines of redis.conf that come last, for example `maxmemory 4mb`. */
  config?: readonly string[];
  /** The rules of users, for example `fleet on >secret ~tlsmgr:* +get`; `default` may be one. */
  users?: readonly string[];
  /** At a UNIX socket in its folder, and on no port. */
  unixSocket?: boolean;
  /** Speaks TLS only, with a certificate for `redis.example` and 127.0.0.1 of a CA of its own. */
  tls?: boolean;
  /** Clients need a certificate of that CA. */
  clientCertificates?: boolean;
  /** A Sentinel in the place of a server; what it watches is in `config`. */
  sentinel?: boolean;
  /** A node of a Cluster, which a test puts together. */
  cluster?: boolean;
  /** Where it listens; 127.0.0.1 if not told. */
  host?: string;
}

export class RedisServer {
  readonly folder: string;
  readonly host: string;
  readonly #options: RedisOptions;
  #port = 0;
  #child: ChildProcess | undefined;
  #output = '';
  #tls: TlsFiles | undefined;

  private constructor(options: RedisOptions) {
    this.#options = options;
    this.host = options.host ?? '127.0.0.1';
    this.folder = mkdtempSync(join(tmpdir(), 'tlsmgr-redis-'));
  }

  /** Starts one, and waits until it serves. close() ends it. */
  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options);
    if (options.tls === true) {
      server.#tls = await makeTlsFiles(server.folder);
    }
    for (let tries = 1; ; tries += 1) {
      server.#port = options.unixSocket === true ? 0 : await freePort(server.host);
      try {
        await server.restart();
        return server;
      } catch (thrown) {
        if (tries === mostStarts || !server.#output.includes('Address already in use')) {
          server.close();
          throw thrown;
        }
      }
    }
  }

  get port(): number {
    return this.#port;
  }

  /** `host:port`, as the .cf file names it. */
  get address(): string {
    return `${this.host}:${this.#port}`;
  }

  get socketPath(): string {
    return join(this.folder, 'socket');
  }

  /** The CA, certificates and keys of a server with TLS. */
  get tls(): TlsFiles {
    if (this.#tls === undefined) {
      throw new Error('this server has no TLS');
    }
    return this.#tls;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** All that it has said. */
  get output(): string {
    return this.#output;
  }

  /** Starts it again after kill(), empty, at the same address. */
  async restart(): Promise<void> {
    this.#output = '';
    const path = join(this.folder, 'redis.conf');
    writeFileSync(path, `${this.#lines().join('\n')}\n`);
    const words = this.#options.sentinel === true ? ['--sentinel'] : [];
    const child = spawn(program, [path, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    killAtExit.add(child);
    const gone = once(child, 'exit').then(() => {
      killAtExit.delete(child);
      throw new Error(`redis-server has ended:\n${this.#output}`);
    });
    const late = new AbortController();
    const serving = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`redis-server doesn't serve:\n${this.#output}`)),
        startLimitMs,
      );
      late.signal.addEventListener('abort', () => clearTimeout(timer));
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          this.#output += text;
          if (/Ready to accept connections|Sentinel ID is/u.test(this.#output)) {
            resolve();
          }
        });
      }
    });
    // It rejects at the end of each server, long after this start.
    gone.catch(() => {});
    try {
      await Promise.race([serving, gone]);
    } finally {
      late.abort();
    }
  }

  /** Nothing is answered any more, and connections stay. */
  stop(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** Goes on after stop(). */
  cont(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it at once; what it held is lost. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Runs a command in it as redis-cli does. @returns what it prints, trimmed. */
  async command(...words: readonly string[]): Promise<string> {
    return (await mustRun(client, [...this.#clientWords(), ...words])).trim();
  }

  /** Runs a task of `redis-cli --cluster` on the Cluster that it belongs to. */
  async cluster(task: string, ...words: readonly string[]): Promise<string> {
    return await mustRun(client, ['--cluster', task, this.address, ...words]);
  }

  /** Ends it, and removes its folder. */
  close(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  #lines(): string[] {
    const { config = [], users = [], sentinel, cluster, tls, unixSocket } = this.#options;
    const port = tls === true ? [`port 0`, `tls-port ${this.#port}`] : [`port ${this.#port}`];
    const lines = [
      `bind ${this.host}`,
      'protected-mode no',
      'daemonize no',
      'logfile ""',
      `dir ${this.folder}`,
      ...port,
    ];
    if (tls === true) {
      const { ca, serverCertificate, serverKey } = this.tls;
      lines.push(`tls-ca-cert-file ${ca}`);
      lines.push(`tls-cert-file ${serverCertificate}`, `tls-key-file ${serverKey}`);
      lines.push(`tls-auth-clients ${this.#options.clientCertificates === true ? 'yes' : 'no'}`);
    }
    if (unixSocket === true) {
      lines.push(`unixsocket ${this.socketPath}`);
    }
    if (sentinel !== true) {
      lines.push('save ""', 'appendonly no', 'repl-diskless-sync-delay 0');
    }
    if (cluster === true) {
      lines.push('cluster-enabled yes', 'cluster-node-timeout 1000');
    }
    return [...lines, ...users.map((rules) => `user ${rules}`), ...config];
  }

  /** The tests' own way in: as the user `default`, with the server's own certificate. */
  #clientWords(): string[] {
    const { unixSocket, tls } = this.#options;
    if (unixSocket === true) {
      return ['-s', this.socketPath];
    }
    const words = ['-h', this.host, '-p', String(this.#port)];
    if (tls !== true) {
      return words;
    }
    const { ca, serverCertificate, serverKey } = this.tls;
    return [...words, '--tls', '--cacert', ca, '--cert', serverCertificate, '--key', serverKey];
  }
}

/** Of this process: none may outlive it, not even one that is stopped. */
const killAtExit = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of killAtExit) {
    child.kill('SIGKILL');
  }
});

/** A port of this address that nobody listens at. The one 10,000 above it must be a port as well. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address !== null && typeof address !== 'string' && address.port < 55_000) {
      return address.port;
    }
  }
}

/** Puts nodes together to a Cluster, the slots shared out among them, and waits until all know it. */
export async function joinCluster(nodes: readonly RedisServer[]): Promise<void> {
  const words = ['--cluster', 'create', ...nodes.map(({ address }) => address)];
  await mustRun(client, [...words, '--cluster-yes']);
  for (const node of nodes) {
    await until(async () => (await node.command('cluster', 'info')).includes('cluster_state:ok'));
  }
}

/** Asks until the answer is true. */
export async function until(
  ask: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await ask())) {
    if (performance.now() > end) {
      throw new Error(`waited ${limitMs} ms in vain for: ${ask.toString()}`);
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
}
