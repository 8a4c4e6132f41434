/**
 * The generic options of Postfix's daemons, which master(8) adds or master.cf
 * lists, in the manner of getopt(3):
 *
 *     arguments = *( "-" *flag [ valued value ] ) [ "--" ] *word
 *
 * A value is the rest of its argument, or all of the next one. Options end at
 * `--`, or at the first argument that isn't one (`-` included). Of options that
 * come again the last counts. Values of parameters (`-i`, `-m`, `-o`) are
 * checked with main.cf's. Throws FatalError with Postfix's text. Follows
 * multi_server_main in src/master/multi_server.c.
 */
import type { Setting } from '../config/main-cf.ts';
import { splitOverride } from '../config/override.ts';
import { FatalError } from '../errors.ts';

export interface DaemonOptions {
  /** `-c`: chroot to queue_directory. */
  chroot: boolean;
  /** `-u`: give up root for mail_owner. */
  unprivileged: boolean;
  /** `-l`: the process limit is 1. */
  limitOne: boolean;
  /** `-z`: there is no process limit. */
  limitNone: boolean;
  /** `-d`: master(8) isn't detached from its terminal. */
  nonDetached: boolean;
  /** `-D`, or MAIL_DEBUG in the environment. Without effect. */
  debug: boolean;
  /** `-S`: the client is on standard input and output. */
  stdio: boolean;
  /** `-V`: log to standard error as well. */
  logToStderr: boolean;
  /** How often `-v` was given; MAIL_VERBOSE in the environment counts as one. */
  verbose: number;
  /** `-s`. */
  socketCount: number;
  /** `-n`. */
  serviceName: string | undefined;
  /** `-t`, not checked. */
  transport: string | undefined;
  /** `-o`, `-i` as max_idle, `-m` as max_use, in the order given. */
  overrides: Setting[];
  /** What follows the options. */
  words: string[];
}

export interface OptionHooks {
  /** Called where the first `-V` stands: later faults are to be seen on standard error. */
  logToStderr?: () => void;
}

const flags: Readonly<Record<string, (options: DaemonOptions, hooks: OptionHooks) => void>> = {
  c: (options) => {
    options.chroot = true;
  },
  d: (options) => {
    options.nonDetached = true;
  },
  D: (options) => {
    options.debug = true;
  },
  l: (options) => {
    options.limitOne = true;
  },
  S: (options) => {
    options.stdio = true;
  },
  u: (options) => {
    options.unprivileged = true;
  },
  v: (options) => {
    options.verbose += 1;
  },
  V: (options, hooks) => {
    if (!options.logToStderr) {
      options.logToStderr = true;
      hooks.logToStderr?.();
    }
  },
  z: (options) => {
    options.limitNone = true;
  },
};

const valued: Readonly<Record<string, (options: DaemonOptions, value: string) => void>> = {
  i: (options, value) => {
    options.overrides.push({ name: 'max_idle', value });
  },
  m: (options, value) => {
    options.overrides.push({ name: 'max_use', value });
  },
  n: (options, value) => {
    options.serviceName = value;
  },
  o: (options, value) => {
    options.overrides.push(splitOverride(value));
  },
  s: (options, value) => {
    options.socketCount = socketCount(value);
  },
  t: (options, value) => {
    options.transport = value;
  },
};

/** @param args without the program's name. */
export function parseDaemonOptions(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  hooks: OptionHooks = {},
): DaemonOptions {
  const options: DaemonOptions = {
    chroot: false,
    unprivileged: false,
    limitOne: false,
    limitNone: false,
    nonDetached: false,
    debug: environment['MAIL_DEBUG'] !== undefined,
    stdio: false,
    logToStderr: false,
    verbose: environment['MAIL_VERBOSE'] === undefined ? 0 : 1,
    socketCount: 1,
    serviceName: undefined,
    transport: undefined,
    overrides: [],
    words: [],
  };
  let index = 0;
  for (; index < args.length; index += 1) {
    const argument = args[index]!;
    if (argument === '--') {
      index += 1;
      break;
    }
    if (!argument.startsWith('-') || argument === '-') {
      break;
    }
    const taken = bundle(argument.slice(1), args[index + 1], options, hooks);
    index += taken;
  }
  options.words = args.slice(index);
  return options;
}

/** The letters of one argument. @returns how many further arguments were a value: 0 or 1. */
function bundle(
  letters: string,
  next: string | undefined,
  options: DaemonOptions,
  hooks: OptionHooks,
): 0 | 1 {
  for (let rest = letters; rest !== '';) {
    const letter = String.fromCodePoint(rest.codePointAt(0)!);
    rest = rest.slice(letter.length);
    const flag = Object.hasOwn(flags, letter) ? flags[letter] : undefined;
    if (flag !== undefined) {
      flag(options, hooks);
      continue;
    }
    const take = Object.hasOwn(valued, letter) ? valued[letter] : undefined;
    const value = rest === '' ? next : rest;
    if (take === undefined || value === undefined) {
      throw new FatalError(`invalid option: ${letter}`);
    }
    take(options, value);
    return rest === '' ? 1 : 0;
  }
  return 0;
}

/** As atoi(3), which takes the digits at the start. */
function socketCount(text: string): number {
  const count = Number.parseInt(/^[ \t\n\v\f\r]*[+-]?[0-9]+/u.exec(text)?.[0] ?? '0', 10);
  if (count <= 0 || count >= 2 ** 31) {
    throw new FatalError(`invalid socket_count: ${text}`);
  }
  return count;
}
