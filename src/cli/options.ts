/**
 * The options of all verbs: what util.parseArgs takes, and what help, the manual
 * page and the completions tell of them.
 */
import type { parseArgs } from 'node:util';

export interface Option {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: boolean;
  readonly default?: string;
  /** What stands behind it, `DIR` for one; a string option has it. */
  readonly value?: ValueName;
  /** A sentence without its full stop. */
  readonly help: string;
}

/** Which values they are decides what a shell completes. */
export type ValueName =
  | 'DIR'
  | 'FILE'
  | 'GROUP'
  | 'MODE'
  | 'N'
  | 'NAME=VALUE'
  | 'PATH'
  | 'SECONDS'
  | 'SOCKET';

export type Options = Readonly<Record<string, Option>>;

/** The command line of a verb, checked. */
export interface Given<Known extends Options> {
  values: ReturnType<typeof parseArgs<{ options: Known }>>['values'];
  words: readonly string[];
}

const json = { type: 'boolean', help: 'print JSON' } as const;
const config = {
  type: 'string',
  short: 'c',
  value: 'DIR',
  help: 'the directory of main.cf and master.cf; else MAIL_CONFIG, else /etc/postfix',
} as const;
const socket = { type: 'string', value: 'PATH', help: 'the socket of the daemon' } as const;

/** Which daemon a verb asks. */
const daemonOptions = {
  socket: {
    ...socket,
    help: 'the socket of the daemon; else that of the Postfix which -c or MAIL_CONFIG names, else run/tlsmgr.sock in this folder, else that of the usual Postfix',
  },
  config,
} as const;

/** Which main.cf, and what is to count in its place. */
const configOptions = {
  config,
  option: {
    type: 'string',
    short: 'o',
    multiple: true,
    value: 'NAME=VALUE',
    help: 'a parameter in place of what main.cf and master.cf say',
  },
} as const;

const consentOptions = {
  'dry-run': { type: 'boolean', help: 'show what would change, and change nothing' },
  yes: { type: 'boolean', short: 'y', help: 'go ahead without asking' },
} as const;

const wait = {
  type: 'string',
  value: 'SECONDS',
  help: 'how long the right daemon may take to answer: 1 to 3600, else 20',
} as const;

export const serveOptions = {
  socket: { ...socket, help: 'the socket to serve; else run/tlsmgr.sock in this folder' },
  ...configOptions,
  mode: {
    type: 'string',
    value: 'MODE',
    help: 'the permissions of the socket, in octal; else 600, or 660 with --group. Whoever may write to it can read all sessions and keys',
  },
  group: {
    type: 'string',
    value: 'GROUP',
    help: "the group of the socket, by name or number; else the user's own",
  },
  verbose: { type: 'boolean', short: 'v', multiple: true, help: 'log more; twice: much more' },
} as const;

export const statusOptions = {
  json,
  nagios: { type: 'boolean', help: 'print one line with performance data, for Nagios and Icinga' },
  watch: { type: 'boolean', help: 'draw it again and again, with plots; q ends it' },
  interval: { type: 'string', value: 'SECONDS', help: 'how often --watch draws it; else 2' },
  ticket: {
    type: 'string',
    value: 'FILE',
    help: 'whether a session that openssl s_client -sess_out has saved would resume',
  },
  ...daemonOptions,
} as const;

export const listOptions = {
  limit: { type: 'string', value: 'N', help: 'show so many at most' },
  json,
  ...daemonOptions,
} as const;

export const showOptions = { json, ...daemonOptions } as const;
export const deleteOptions = daemonOptions;
export const flushOptions = daemonOptions;
export const seedOptions = daemonOptions;

export const parameterOptions = { json, ...configOptions } as const;

export const checkOptions = {
  json,
  ...configOptions,
  socket: { ...socket, help: 'a standalone daemon to ask in place of the one of Postfix' },
} as const;

export const installOptions = {
  ...consentOptions,
  ...configOptions,
  node: { type: 'string', value: 'FILE', help: 'the node to start; else the one that runs now' },
  wait,
} as const;

export const uninstallOptions = { ...consentOptions, config, wait } as const;

export const fleetSecretOptions = {
  rotate: {
    type: 'boolean',
    help: 'go one step on in replacing the secret: the new one is added, then it seals, then the old one goes',
  },
  force: {
    type: 'boolean',
    help: 'with --rotate: remove the old secret though sessions may still need it, for one that has leaked',
  },
} as const;

export const benchOptions = {
  against: { type: 'string', value: 'SOCKET', help: 'another daemon, measured side by side' },
  rounds: { type: 'string', value: 'N', default: '3', help: 'how often; else 3' },
  json,
  ...daemonOptions,
} as const;
