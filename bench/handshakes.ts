/**
 * Whole handshakes: what a mail server gains, where the requests of a benchmark
 * end. `openssl s_time` connects to a real smtpd in wrapper mode, which asks the
 * daemon for sessions and ticket keys, and a real smtp client delivers mails over
 * TLS to a real smtpd. Ours and Postfix's own take turns. Nothing is pinned: the
 * clients, smtpd, master and the daemon share the processors, as on a mail host.
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
  rounds: number;
  /** How long each row of each round lasts. */
  seconds: number;
}

/** Prints the table of handshakes, then that of mails. */
export async function measureHandshakes(options: HandshakeOptions): Promise<void> {
  const original = await startHost('original', originalTlsmgr);
  const ours = await startHost('ours', options.tlsmgr);
  try {
    printHead('handshake', 'clients', 'handshakes/s');
    for (const way of returns) {
      for (const clients of clientCounts) {
        await compare([way, clients], options.rounds, { ours, original }, (host) =>
          handshakes(host, way, clients, options.seconds),
        );
      }
    }
    console.log();
    printHead('mails over TLS', 'connections', 'mails/s');
    await compare(['resumed', mailConnections], options.rounds, { ours, original }, deliveries);
  } finally {
    for (const { instance } of [original, ours]) {
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

/** Compares both hosts in turns, and prints the row. */
async function compare(
  cells: readonly (string | number)[],
  rounds: number,
  hosts: Record<'ours' | 'original', Host>,
  measure: (host: Host) => Promise<Taken>,
): Promise<void> {
  const taken: Record<'ours' | 'original', Taken[]> = { ours: [], original: [] };
  // One round that doesn't count: processes are started, and caches are filled.
  for (let round = -1; round < rounds; round += 1) {
    const order = ['original', 'ours'] as const;
    for (const name of round % 2 === 0 ? order : order.toReversed()) {
      const result = await measure(hosts[name]);
      if (round >= 0) {
        taken[name].push(result);
      }
    }
  }
  const ratios = taken.ours.map(
    ({ perSecond }, round) => perSecond / taken.original[round]!.perSecond,
  );
  const of = (name: 'ours' | 'original', pick: (one: Taken) => number): number =>
    median(taken[name].map(pick));
  const row = [
    ...cells,
    of('ours', ({ perSecond }) => perSecond).toFixed(0),
    of('original', ({ perSecond }) => perSecond).toFixed(0),
    spreadText(ratios),
    ...(['ours', 'original'] as const).flatMap((name) => [
      of(name, ({ daemonMicroseconds }) => daemonMicroseconds).toFixed(0),
      of(name, ({ masterMicroseconds }) => masterMicroseconds).toFixed(0),
      of(name, ({ switches }) => switches).toFixed(2),
    ]),
  ];
  console.log(`| ${row.join(' | ')} |`);
}

function printHead(what: string, by: string, rate: string): void {
  const each = (name: string): string =>
    `us of processor, ${name} | its master | context switches, ${name}`;
  console.log(
    `| ${what} | ${by} | ours, ${rate} | C | ratio (spread) | ${each('ours')} | ${each('C')} |`,
  );
  console.log(`|${' --- |'.repeat(11)}`);
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
