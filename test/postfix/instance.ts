/**
 * A Postfix of its own, run by the real master(8), in a scratch directory:
 *
 *     etc/     main.cf, master.cf, key and certificate
 *     queue/   queue_directory, into which tlsmgr is chrooted
 *     data/    data_directory, mail_owner's, 0700
 *     sbin/    daemon_directory: symbolic links to Debian's daemons, and one
 *              named tlsmgr to the program under test
 *     log      what postlogd writes: no syslogd is needed
 *
 * Nothing of the system's own instance is touched. Whatever happens to the
 * test, the processes end with it: cleanup() kills them, and runs by itself
 * when the test process ends.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { certificate } from './certificate.ts';
import { endOnSignals } from './end-on-signals.ts';
import { writeMainCf } from './main-cf.ts';
import { poll } from './poll.ts';
import { childrenOf, descriptorsOf, isAlive, socketsBoundTo } from './processes.ts';
import { mustRun } from './run-command.ts';

const debianDaemons = '/usr/lib/postfix/sbin';

/** Where master(8) hands over its listening socket. */
const listenerDescriptor = 6;

export interface MasterCfOptions {
  /** Words after the command tlsmgr. */
  tlsmgrWords?: string;
  withoutTlsmgr?: boolean;
  /** Further lines. */
  masterCf?: string[];
}

export interface InstanceOptions extends MasterCfOptions {
  /** The program to run as tlsmgr. */
  tlsmgr: string;
  /** Goes into the log tag: `postfix-NAME/tlsmgr[pid]`. Default `scratch`. */
  name?: string;
  /** Parameters of main.cf, in place of the harness's own. */
  mainCf?: Record<string, string>;
  /**
   * An address of this machine's own for all inet services, and the port of smtpd.
   * The service in master.cf is the port alone, so instances with several addresses
   * have the same service name. Default: 127.0.0.1 and any port.
   */
  listen?: { address: string; port: number };
}

export class PostfixInstance {
  readonly address: string;
  /** Where smtpd listens. Every process of it serves one client. */
  readonly port: number;
  /** The name of smtpd's service in master.cf. */
  readonly #smtpdService: string;
  readonly directory: string;
  readonly #name: string;
  readonly #onExit = (): void => this.cleanup();

  /** Makes the directory; starts nothing. */
  static async create(options: InstanceOptions): Promise<PostfixInstance> {
    const pem = await certificate();
    const port = options.listen?.port ?? (await freePort());
    return new PostfixInstance(options, pem, port);
  }

  private constructor(options: InstanceOptions, pem: string, port: number) {
    this.address = options.listen?.address ?? '127.0.0.1';
    this.port = port;
    this.#smtpdService = options.listen === undefined ? `${this.address}:${port}` : String(port);
    this.#name = options.name ?? 'scratch';
    // Not below a directory of the user's own: mail_owner must get there.
    this.directory = mkdtempSync('/tmp/postfix-scratch-');
    process.once('exit', this.#onExit);
    endOnSignals();
    chmodSync(this.directory, 0o755);
    this.#makeDirectories();
    this.#linkDaemons(options.tlsmgr);
    writeFileSync(join(this.directory, 'etc/mx.pem'), pem, { mode: 0o600 });
    this.writeMainCf(options.mainCf ?? {});
    this.writeMasterCf(options);
  }

  get configDirectory(): string {
    return join(this.directory, 'etc');
  }

  get queueDirectory(): string {
    return join(this.directory, 'queue');
  }

  get dataDirectory(): string {
    return join(this.directory, 'data');
  }

  get socketPath(): string {
    return join(this.queueDirectory, 'private/tlsmgr');
  }

  get exchangePath(): string {
    return join(this.dataDirectory, 'prng_exch');
  }

  /** Replaces main.cf: the harness's parameters and these. Takes effect at the next reload. */
  writeMainCf(parameters: Record<string, string>): void {
    const { directory } = this;
    const all: Record<string, string> = {
      compatibility_level: '3.6',
      multi_instance_name: `postfix-${this.#name}`,
      queue_directory: `${directory}/queue`,
      data_directory: `${directory}/data`,
      daemon_directory: `${directory}/sbin`,
      maillog_file: `${directory}/log`,
      maillog_file_prefixes: directory,
      myhostname: `${this.#name}.example`,
      mydestination: '',
      alias_maps: '',
      alias_database: '',
      local_recipient_maps: '',
      default_transport: 'discard',
      inet_interfaces: this.address,
      inet_protocols: 'ipv4',
      mynetworks: '127.0.0.0/8',
      disable_dns_lookups: 'yes',
      smtp_host_lookup: 'native',
      smtpd_peername_lookup: 'no',
      smtp_connection_cache_on_demand: 'no',
      smtpd_tls_chain_files: `${directory}/etc/mx.pem`,
      smtpd_tls_security_level: 'may',
      smtpd_tls_loglevel: '2',
      smtpd_tls_session_cache_database: `btree:${directory}/data/smtpd_scache`,
      smtp_tls_session_cache_database: `btree:${directory}/data/smtp_scache`,
      ...parameters,
    };
    writeMainCf(join(this.configDirectory, 'main.cf'), all);
  }

  /** Replaces master.cf. Takes effect at the next reload. */
  writeMasterCf(options: MasterCfOptions): void {
    const words = options.tlsmgrWords === undefined ? '' : ` ${options.tlsmgrWords}`;
    const tlsmgr = options.withoutTlsmgr ? '' : `tlsmgr unix - - y 1000? 1 tlsmgr${words}\n`;
    const own = `${this.#smtpdService} inet n - n - - smtpd
  -o max_use=1
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
${tlsmgr}rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
  -o max_use=1
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
    const lines = options.masterCf ?? [];
    writeFileSync(join(this.configDirectory, 'master.cf'), `${own}${lines.join('\n')}\n`);
  }

  async start(): Promise<void> {
    // Spares the seconds of `postfix check`: the directory is as it was made.
    writeFileSync(join(this.queueDirectory, 'quick-start'), '');
    await this.#postfix('start');
  }

  /** Returns when master(8) and all of its children have gone. */
  async stop(): Promise<void> {
    const pids = this.#processes();
    await this.#postfix('stop');
    await poll('the processes of Postfix to end', () => !pids.some(isAlive), {
      detail: () => `${pids.filter(isAlive).join(' ')}\n${this.log()}`,
    });
  }

  /** Returns when the tlsmgr from before has gone. */
  async reload(): Promise<void> {
    const before = this.tlsmgrPid();
    await this.#postfix('reload');
    if (before !== undefined) {
      await this.waitForEnd(before);
    }
  }

  async waitForEnd(pid: number): Promise<void> {
    await poll(`process ${pid} to end`, () => !isAlive(pid), { detail: () => this.log() });
  }

  /** The process that master(8) has for private/tlsmgr at the moment. */
  tlsmgrPid(): number | undefined {
    const master = this.masterPid();
    if (master === undefined) {
      return undefined;
    }
    const sockets = socketsBoundTo('private/tlsmgr');
    return childrenOf(master).find((pid) =>
      sockets.has(descriptorsOf(pid).get(listenerDescriptor) ?? ''),
    );
  }

  masterPid(): number | undefined {
    let text: string;
    try {
      text = readFileSync(join(this.queueDirectory, 'pid/master.pid'), 'latin1');
    } catch {
      return undefined;
    }
    const pid = Number(text.trim());
    return pid > 0 && isAlive(pid) ? pid : undefined;
  }

  /** All lines up to now. */
  log(): string {
    try {
      return readFileSync(join(this.directory, 'log'), 'utf8');
    } catch {
      return '';
    }
  }

  /** Lines of the log that match. */
  logLines(pattern: RegExp): string[] {
    return this.log()
      .split('\n')
      .filter((line) => pattern.test(line));
  }

  /** Lines that nobody wants to see: of tlsmgr, about it, or of a client that misses it. */
  complaints(): string[] {
    return this.logLines(
      /tlsmgr\[\d+\]: (?:warning|error|fatal|panic): |(?:warning|error|fatal|panic): .*tlsmgr|throttling|disabling TLS/u,
    );
  }

  /** Waits until so many lines match, and returns them. */
  async waitForLog(pattern: RegExp, count = 1): Promise<string[]> {
    return poll(
      `${count} log lines like ${String(pattern)}`,
      () => {
        const lines = this.logLines(pattern);
        return lines.length >= count && lines;
      },
      { detail: () => this.log() },
    );
  }

  /** Kills what runs and removes the directory. Never throws for a thing already gone. */
  cleanup(): void {
    process.removeListener('exit', this.#onExit);
    const pids = this.#processes();
    const [master] = pids;
    // master(8) leads the process group: children that it has just started die as well.
    for (const pid of master === undefined ? [] : [-master, ...pids]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone before.
      }
    }
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** master(8) first, then its children; empty when it does not run. */
  #processes(): number[] {
    const master = this.masterPid();
    return master === undefined ? [] : [master, ...childrenOf(master)];
  }

  async #postfix(verb: string): Promise<void> {
    try {
      await mustRun('/usr/sbin/postfix', ['-c', this.configDirectory, verb]);
    } catch (thrown) {
      throw new Error(`postfix ${verb} failed\n${this.log()}`, { cause: thrown });
    }
  }

  #makeDirectories(): void {
    const owner = idOf('-u', 'postfix');
    const dropGroup = groupOfFile('/usr/sbin/postdrop');
    for (const [name, mode, uid, gid] of [
      ['etc', 0o755, 0, 0],
      ['sbin', 0o755, 0, 0],
      ['data', 0o700, owner, 0],
      ['queue', 0o755, 0, 0],
      ['queue/pid', 0o755, 0, 0],
      ['queue/public', 0o710, owner, dropGroup],
      ['queue/maildrop', 0o730, owner, dropGroup],
      ...mailOwnerQueues.map((queue) => [`queue/${queue}`, 0o700, owner, 0] as const),
    ] as const) {
      const path = join(this.directory, name);
      mkdirSync(path);
      chmodSync(path, mode);
      chownSync(path, uid, gid);
    }
  }

  #linkDaemons(tlsmgr: string): void {
    for (const name of readdirSync(debianDaemons)) {
      const target = name === 'tlsmgr' ? tlsmgr : join(debianDaemons, name);
      symlinkSync(target, join(this.directory, 'sbin', name));
    }
  }
}

const mailOwnerQueues = [
  'private',
  'active',
  'bounce',
  'corrupt',
  'defer',
  'deferred',
  'flush',
  'hold',
  'incoming',
  'saved',
  'trace',
];

/** The number of a user (`-u`) or of its group (`-g`). */
export function idOf(which: '-u' | '-g', user: string): number {
  return Number(spawnSync('id', [which, user], { encoding: 'latin1' }).stdout);
}

function groupOfFile(path: string): number {
  return Number(spawnSync('stat', ['-c', '%g', path], { encoding: 'latin1' }).stdout);
}

/** A port that nothing uses at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
