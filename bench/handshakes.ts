/**
 * Whole handshakes: what a mail server gains, where the requests of a benchmark
 * end. `openssl s_time` connects to a real smtpd in wrapper mode, which asks the
 * daemon for sessions and ticket keys, and a real smtp client delivers mails over
 * TLS to a real smtpd. Ours and Postfix's own take turns, and for handshakes that
 * need no ticket key the two floors, which do the least in C and in Node. Nothing is
 * pinned: the clients, smtpd, master and the daemon share the processors, as on a
 * mail host.
 *
 *     npm run bench -- --only handshakes [--rounds N] [--seconds S]
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { freePort, PostfixInstance } from '../test/postfix/instance.ts';
import { mustRun } from '../test/postfix/run-command.ts';
import { firstAnswer, originalTlsmgr } from './contestants.ts';
import { median, spreadText } from './medians.ts';
import { processorSeconds } from './processor-time.ts';
import { nodeFloorProgram, program } from './programs.ts';

/** How a client comes back. */
const returns = ['full', 'by id', 'by ticket'] as const;
type Return = (typeof returns)[number];

const clientCounts = [1, 8, 32];
const mails = 400;
const mailConnections = 20;

interface Host {
  instance: PostfixInstance;
  /** Ports of smtpd in wrapper mode: one gives out tickets, the other doesn't. */
  ports: Record<'tickets' | 'no tickets', number>;
}

interface Taken {
  perSecond: number;
  /** Of the daemon and of master, microseconds each. */
  daemonMicroseconds: number;
  masterMicroseconds: number;
  /** Context switches of the daemon. */
  switches: number;
}

export interface HandshakeOptions {
  tlsmgr: string;
  node: string;
  rounds: number;
  /** How long each row of each round lasts. */
  seconds: number;
}

/** Prints the table of handshakes, then that of mails. */
export async function measureHandshakes(options: HandshakeOptions): Promise<void> {
  const hosts = {
    original: await startHost('original', originalTlsmgr),
    ours: await startHost('ours', options.tlsmgr),
    floor: await startHost('floor', program('floor')),
    nodeFloor: await startHost('node-floor', nodeFloorProgram(options.node)),
  };
  const { original, ours } = hosts;
  try {
    printHead('handshake', 'clients', 'handshakes/s');
    for (const way of returns) {
      for (const clients of clientCounts) {
        const contestants = way === 'by ticket' ? { original, ours } : hosts;
        await compare([way, clients], options.rounds, contestants, (host) =>
          handshakes(host, way, clients, options.seconds),
        );
      }
    }
    console.log();
    printHead('mails over TLS', 'connections', 'mails/s');
    await compare(['resumed', mailConnections], options.rounds, { original, ours }, deliveries);
  } finally {
    for (const { instance } of Object.values(hosts)) {
      await instance.stop();
      instance.cleanup();
    }
  }
}

async function startHost(name: string, tlsmgr: string): Promise<Host> {
  const ports = { tickets: await freePort(), 'no tickets': await freePort() };
  const receiver = await freePort();
  const instance = await PostfixInstance.create({
    tlsmgr,
    name,
    mainCf: {
      smtpd_tls_loglevel: '0',
      smtp_tls_loglevel: '0',
      smtp_tls_security_level: 'encrypt',
      default_transport: `smtp:[127.0.0.1]:${receiver}`,
      default_destination_concurrency_limit: String(mailConnections),
      initial_destination_concurrency: String(mailConnections),
      default_destination_recipient_limit: '1',
    },
    masterCf: [
      `127.0.0.1:${ports.tickets} inet n - n - - smtpd`,
      '  -o smtpd_tls_wrappermode=yes',
      `127.0.0.1:${ports['no tickets']} inet n - n - - smtpd`,
      '  -o smtpd_tls_wrappermode=yes',
      '  -o tls_ssl_options=no_ticket',
      `127.0.0.1:${receiver} inet n - n - - smtpd`,
      '  -o content_filter=discard:',
    ],
  });
  await instance.start();
  await firstAnswer(instance.socketPath);
  return { instance, ports };
}

/** Compares the hosts in turns, and prints the row. The floors may be missing. */
async function compare(
  cells: readonly (string | number)[],
  rounds: number,
  hosts: Record<'original' | 'ours', Host> & Partial<Record<'floor' | 'nodeFloor', Host>>,
  measure: (host: Host) => Promise<Taken>,
): Promise<void> {
  const contestants = Object.values(hosts);
  const taken = new Map(contestants.map((host): [Host, Taken[]] => [host, []]));
  // One round that doesn't count: processes are started, and caches are filled.
  for (let round = -1; round < rounds; round += 1) {
    for (const host of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const result = await measure(host);
      if (round >= 0) {
        taken.get(host)!.push(result);
      }
    }
  }
  const { ours, original, floor, nodeFloor } = hosts;
  const ratios = taken
    .get(ours)!
    .map(({ perSecond }, round) => perSecond / taken.get(original)![round]!.perSecond);
  const of = (host: Host | undefined, pick: (one: Taken) => number, digits = 0): string =>
    host === undefined ? '' : median(taken.get(host)!.map(pick)).toFixed(digits);
  const row = [
    ...cells,
    of(ours, ({ perSecond }) => perSecond),
    of(original, ({ perSecond }) => perSecond),
    spreadText(ratios),
    ...[ours, original].flatMap((host) => [
      of(host, ({ daemonMicroseconds }) => daemonMicroseconds),
      of(host, ({ masterMicroseconds }) => masterMicroseconds),
      of(host, ({ switches }) => switches, 2),
    ]),
    of(floor, ({ daemonMicroseconds }) => daemonMicroseconds),
    of(nodeFloor, ({ daemonMicroseconds }) => daemonMicroseconds),
  ];
  console.log(`| ${row.join(' | ')} |`);
}

function printHead(what: string, by: string, rate: string): void {
  const each = (name: string): string =>
    `us of processor, ${name} | its master | context switches, ${name}`;
  const floors = "us of processor, floor | Node's floor";
  console.log(
    `| ${what} | ${by} | ours, ${rate} | C | ratio (spread) | ${each('ours')} | ${each('C')} | ${floors} |`,
  );
  console.log(`|${' --- |'.repeat(13)}`);
}

function handshakes(host: Host, way: Return, clients: number, seconds: number): Promise<Taken> {
  const port = host.ports[way === 'by ticket' ? 'tickets' : 'no tickets'];
  return taking(host, async () => {
    const counts = await Promise.all(
      Array.from({ length: clients }, () => timeOpenssl(port, way, seconds)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  });
}

/** @returns how many connections `openssl s_time` made. */
async function timeOpenssl(port: number, way: Return, seconds: number): Promise<number> {
  const words = [
    's_time',
    '-connect',
    `127.0.0.1:${port}`,
    '-time',
    String(seconds),
    '-tls1_2',
    way === 'full' ? '-new' : '-reuse',
  ];
  const child = spawn('openssl', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  child.stderr.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  await once(child, 'close');
  const found = /^(\d+) connections in \d+ real seconds/mu.exec(text);
  if (found === null) {
    throw new Error(`openssl s_time: ${text}`);
  }
  return Number(found[1]);
}

/** Mails that smtp-source hands to smtpd in the clear, and that smtp delivers over TLS. */
async function deliveries(host: Host): Promise<Taken> {
  const { instance } = host;
  const sent = / postfix-\w+\/smtp\[\d+\]: .* status=sent /u;
  const before = instance.logLines(sent).length;
  return taking(host, async () => {
    const words = `-s 8 -m ${mails} -l 1000 -f sender@client.example -t somebody@server.example`;
    await mustRun('/usr/sbin/smtp-source', [...words.split(' '), `127.0.0.1:${instance.port}`]);
    await instance.waitForLog(sent, before + mails);
    return mails;
  });
}

/** @param work returns how many handshakes or mails there were. */
async function taking({ instance }: Host, work: () => Promise<number>): Promise<Taken> {
  const daemon = instance.tlsmgrPid();
  const master = instance.masterPid();
  if (daemon === undefined || master === undefined) {
    throw new Error(`no tlsmgr or master: ${instance.log()}`);
  }
  const start = { daemon: processorSeconds([daemon]), master: processorSeconds([master]) };
  const switchesBefore = contextSwitches(daemon);
  const startedMs = performance.now();
  const count = await work();
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    perSecond: count / seconds,
    daemonMicroseconds: ((processorSeconds([daemon]) - start.daemon) * 1e6) / count,
    masterMicroseconds: ((processorSeconds([master]) - start.master) * 1e6) / count,
    switches: (contextSwitches(daemon) - switchesBefore) / count,
  };
}

/** Of all threads, voluntary or not. */
function contextSwitches(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/status`, 'latin1');
    for (const [, count] of text.matchAll(/ctxt_switches:\s*(\d+)/gu)) {
      sum += Number(count);
    }
  }
  return sum;
}
