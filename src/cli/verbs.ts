/**
 * The verbs for people, as one table: what help, the manual page and the
 * completions tell comes from here. A verb's module is loaded when it is asked for.
 */
import { postfixCacheNames } from '../config/cache-names.ts';
import type { CliIo } from './io.ts';
import {
  benchOptions,
  checkOptions,
  deleteOptions,
  fleetSecretOptions,
  flushOptions,
  type Given,
  installOptions,
  listOptions,
  type Options,
  parameterOptions,
  seedOptions,
  serveOptions,
  showOptions,
  statusOptions,
  uninstallOptions,
} from './options.ts';

export interface Word {
  readonly name: 'BYTES' | 'CACHE' | 'FILE' | 'ID' | 'NAME' | 'VERB';
  readonly choices?: readonly string[];
  readonly optional?: boolean;
  /** The last one, any number of times. */
  readonly repeated?: boolean;
}

/** What the exit status means, where it isn't the usual 0, 1, 2. */
export interface Statuses {
  readonly text: string;
  /** For what fails before there is an answer, wrong arguments included. */
  readonly failed: number;
}

interface Row<Known extends Options> {
  readonly name: string;
  readonly summary: string;
  /** What a line doesn't tell; each text is a paragraph. */
  readonly details?: readonly string[];
  readonly words?: readonly Word[];
  readonly options: Known;
  readonly statuses?: Statuses;
  load(): Promise<(given: Given<Known>, io: CliIo) => Promise<number>>;
}

// What a verb is given fits its own options, which the row has shown.
// oxlint-disable-next-line typescript/no-explicit-any
export type Verb = Omit<Row<any>, 'options' | 'words'> & {
  readonly options: Options;
  readonly words: readonly Word[];
};

const cache: Word = { name: 'CACHE', choices: postfixCacheNames };
const id: Word = { name: 'ID' };

/** As monitoring expects it. */
const monitoring: Statuses = {
  text: '0 all is well, 1 a warning, 2 an error, 3 unknown: nobody answers, or wrong arguments',
  failed: 3,
};

export const verbs: readonly Verb[] = [
  verb({
    name: 'serve',
    summary: 'serve in the foreground, without a Postfix',
    options: serveOptions,
    load: async () => (await import('./serve.ts')).runServe,
  }),
  verb({
    name: 'status',
    summary: 'show how a running tlsmgr is',
    options: statusOptions,
    statuses: {
      ...monitoring,
      text: `${monitoring.text}; with --ticket 0 when it would resume, 1 when not`,
    },
    load: async () => (await import('./status.ts')).runStatus,
  }),
  verb({
    name: 'list',
    summary: 'list the sessions of a cache: smtpd, smtp, lmtp or an added one',
    words: [cache],
    options: listOptions,
    load: async () => (await import('./list.ts')).runList,
  }),
  verb({
    name: 'show',
    summary: 'show what is in a session, without its secrets',
    words: [cache, id],
    options: showOptions,
    load: async () => (await import('./show.ts')).runShow,
  }),
  verb({
    name: 'delete',
    summary: 'forget a session',
    words: [cache, id],
    options: deleteOptions,
    load: async () => (await import('./delete.ts')).runDelete,
  }),
  verb({
    name: 'flush',
    summary: 'forget all sessions of a cache',
    words: [cache],
    options: flushOptions,
    load: async () => (await import('./flush.ts')).runFlush,
  }),
  verb({
    name: 'seed',
    summary: 'print random bytes from the pool, in hexadecimal',
    words: [{ name: 'BYTES', optional: true }],
    options: seedOptions,
    load: async () => (await import('./seed.ts')).runSeed,
  }),
  verb({
    name: 'config',
    summary: 'show every parameter as the daemon uses it, and where it is set',
    words: [{ name: 'NAME', optional: true, repeated: true }],
    options: parameterOptions,
    load: async () => (await import('./config.ts')).runConfig,
  }),
  verb({
    name: 'check',
    summary: 'find what would keep the daemon from serving well',
    options: checkOptions,
    statuses: {
      ...monitoring,
      text: '0 nothing or a note, 1 a warning, 2 an error, 3 unknown: check itself failed, or wrong arguments',
    },
    load: async () => (await import('./check.ts')).runCheck,
  }),
  verb({
    name: 'install',
    summary: "serve in the place of Postfix's own tlsmgr",
    options: installOptions,
    load: async () => (await import('./install.ts')).runInstall,
  }),
  verb({
    name: 'uninstall',
    summary: "put Postfix's own tlsmgr back",
    options: uninstallOptions,
    load: async () => (await import('./uninstall.ts')).runUninstall,
  }),
  verb({
    name: 'fleet-secret',
    summary: 'make or replace the secret that the hosts of a fleet have in common',
    details: [
      'Without --rotate FILE is made, with one secret, for its owner alone; one that is there stays as it is. Do this once, on the first host, and copy the file to the others, with scp -p for one.',
      'With --rotate the secret is replaced, in three steps. Each call does one, and says what comes next: 1. a new secret is added, and the old one still seals; 2. the new one seals, and the old one still opens; 3. the old one goes. After each step copy FILE to all hosts, and run postfix reload there. Before step 3 wait twice the longest session lifetime and 10 minutes: a step 3 that comes sooner is refused.',
    ],
    words: [{ name: 'FILE' }],
    options: fleetSecretOptions,
    load: async () => (await import('./fleet-secret.ts')).runFleetSecret,
  }),
  verb({
    name: 'bench',
    summary: 'measure a running tlsmgr, beside another one if asked',
    options: benchOptions,
    load: async () => (await import('./bench.ts')).runBench,
  }),
];

export function verb<const Known extends Options>(row: Row<Known>): Verb {
  return { words: [], ...row };
}
