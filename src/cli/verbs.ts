/**
 * The verbs for people, as one table. A verb's module is loaded when it is
 * asked for. Exit status: 0 done, 1 failed, 2 wrong arguments.
 */
import { messageOf } from '../errors.ts';
import { type CliIo, complain, printableIo, UsageError } from './io.ts';

export interface Verb {
  readonly name: string;
  /** Behind `tlsmgr NAME`. */
  readonly usage: string;
  readonly summary: string;
  load(): Promise<(args: readonly string[], io: CliIo) => Promise<number>>;
}

export const verbs: readonly Verb[] = [
  {
    name: 'serve',
    usage: '[--socket PATH] [-c DIR] [-o NAME=VALUE]... [-v]',
    summary: 'serve in the foreground, without a Postfix',
    load: async () => (await import('./serve.ts')).runServe,
  },
  {
    name: 'status',
    usage: '[--json] [--watch [--interval SECONDS]] [--ticket FILE] [--socket PATH]',
    summary: 'show how a running tlsmgr is',
    load: async () => (await import('./status.ts')).runStatus,
  },
  {
    name: 'list',
    usage: 'CACHE [--limit N] [--json] [--socket PATH]',
    summary: 'list the sessions of a cache: smtpd, smtp or lmtp',
    load: async () => (await import('./list.ts')).runList,
  },
  {
    name: 'show',
    usage: 'CACHE ID [--json] [--socket PATH]',
    summary: 'show what is in a session, without its secrets',
    load: async () => (await import('./show.ts')).runShow,
  },
  {
    name: 'delete',
    usage: 'CACHE ID [--socket PATH]',
    summary: 'forget a session',
    load: async () => (await import('./delete.ts')).runDelete,
  },
  {
    name: 'flush',
    usage: 'CACHE [--socket PATH]',
    summary: 'forget all sessions of a cache',
    load: async () => (await import('./flush.ts')).runFlush,
  },
  {
    name: 'seed',
    usage: '[BYTES] [--socket PATH]',
    summary: 'print random bytes from the pool, in hexadecimal',
    load: async () => (await import('./seed.ts')).runSeed,
  },
  {
    name: 'config',
    usage: '[--json] [-c DIR] [-o NAME=VALUE]... [NAME]...',
    summary: 'show every parameter as main.cf sets it',
    load: async () => (await import('./config.ts')).runConfig,
  },
  {
    name: 'check',
    usage: '[--json] [-c DIR] [-o NAME=VALUE]... [--socket PATH]',
    summary: 'find what would keep the daemon from serving well',
    load: async () => (await import('./check.ts')).runCheck,
  },
  {
    name: 'install',
    usage: '[--dry-run] [--yes] [-c DIR] [-o NAME=VALUE]... [--node PATH] [--wait SECONDS]',
    summary: "serve in the place of Postfix's own tlsmgr",
    load: async () => (await import('./install.ts')).runInstall,
  },
  {
    name: 'uninstall',
    usage: '[--dry-run] [--yes] [-c DIR] [--wait SECONDS]',
    summary: "put Postfix's own tlsmgr back",
    load: async () => (await import('./uninstall.ts')).runUninstall,
  },
  {
    name: 'bench',
    usage: '[--against SOCKET] [--rounds N] [--json] [--socket PATH]',
    summary: 'measure a running tlsmgr, beside another one if asked',
    load: async () => (await import('./bench.ts')).runBench,
  },
];

/** Runs the verb of a command line. @returns the exit status. */
export async function runVerb(
  name: string,
  args: readonly string[],
  surroundings: CliIo = processIo,
): Promise<number> {
  const io = printableIo(surroundings);
  if (name === 'help') {
    io.out(helpText());
    return 0;
  }
  const verb = verbs.find((known) => known.name === name);
  if (verb === undefined) {
    complain(io, 'fatal', `unknown verb: ${name}`);
    io.err(helpText());
    return 2;
  }
  try {
    const run = await verb.load();
    return await run(args, io);
  } catch (thrown) {
    complain(io, 'fatal', messageOf(thrown));
    if (isUsageFault(thrown)) {
      io.err(`usage: tlsmgr ${verb.name} ${verb.usage}\n`);
      return 2;
    }
    return 1;
  }
}

function isUsageFault(thrown: unknown): boolean {
  const code = (thrown as { code?: unknown } | undefined)?.code;
  return (
    thrown instanceof UsageError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS'))
  );
}

function helpText(): string {
  const rows = verbs.map(
    ({ name, usage, summary }) => `  tlsmgr ${name} ${usage}\n      ${summary}\n`,
  );
  return `usage:\n${rows.join('')}  tlsmgr help\n      show this\nWith generic Postfix daemon options it is the daemon that master(8) starts: tlsmgr(8).\n`;
}

// A reader that has seen enough, `tlsmgr list smtpd | head`, is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

const processIo: CliIo = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  screen: (text) => void process.stdout.write(text),
  environment: process.env,
};
