/**
 * Defaults of parameters that main.cf refers to, but doesn't set, and that the
 * table in parameters.ts doesn't have. `postconf -d` of the installed Postfix
 * tells them. Starting a process takes time, so postconf(1) is run when the
 * first such name is needed, and then asked for all names at once: those that
 * our own parameters refer to, and those that the answers refer to. A process
 * that serves asks before it needs them, and serves on meanwhile. If postconf(1)
 * can't be asked, these defaults are empty, and one warning says so.
 */
import { version } from '../version.ts';
import type { Warn } from './main-cf.ts';

/** Where to look for Postfix's commands: master(8) starts us without a PATH. */
export const commandPath = '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin';

/** Usually it takes some milliseconds. */
const limitMs = 5000;

/** In a warning. */
const mostShown = 8;

/** Its default depends on values of main.cf, so `postconf -d` can't tell it. */
const byOthers = 'mynetworks';

/**
 * Defaults when no Postfix can be asked. default_cache_db_type is one of Postfix
 * 3.11 and later; we treat all types that use a file alike.
 */
const withoutPostfix: ReadonlyMap<string, string> = new Map([
  ['mail_version', version],
  ['default_cache_db_type', 'btree'],
]);

/** `name` in `$name`, `${name` and `$(name`, wherever it stands. */
const references = /\$[{(]?[ \t\r\n]*([A-Za-z0-9_]+)/gu;

/** What postconf(1) prints with these arguments, one character a byte. Throws what execFileSync throws. */
export type RunPostconf = (args: readonly string[]) => string;

/** The same, for a process that serves meanwhile. */
export type AwaitPostconf = (args: readonly string[]) => Promise<string>;

const running = {
  encoding: 'latin1',
  env: { PATH: commandPath },
  killSignal: 'SIGKILL',
} as const;

/** Loaded when it is needed: most starts don't need it. */
function childProcess(): typeof import('node:child_process') {
  return process.getBuiltinModule('node:child_process');
}

export function runPostconf(args: readonly string[]): string {
  return childProcess().execFileSync('postconf', args, {
    ...running,
    timeout: limitMs,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

export function awaitPostconf(args: readonly string[], timeout = limitMs): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = childProcess().execFile(
      'postconf',
      args,
      { ...running, timeout },
      (fault, printed) => {
        process.off('exit', kill);
        if (fault === null) {
          resolve(printed);
        } else {
          // execFileSync has a code for the end of the time, execFile has none.
          reject(fault.killed === true ? Object.assign(fault, { code: 'ETIMEDOUT' }) : fault);
        }
      },
    );
    // A postconf(1) that hangs must not outlive this process.
    const kill = (): unknown => child.kill('SIGKILL');
    process.once('exit', kill);
    child.stdin?.end();
  });
}

export interface InstalledDefaultsOptions {
  /** Of main.cf and master.cf. */
  directory: string;
  /** `name=value`, as on the command line. */
  overrides: readonly string[];
  /** Names to begin with. */
  roots: readonly string[];
  /** The unexpanded value of a name that is known without asking. */
  known: (name: string) => string | undefined;
  /** Told why postconf(1) could not be asked, and of which names. */
  failed: (reason: unknown, names: readonly string[]) => void;
  run?: RunPostconf | undefined;
  awaitRun?: AwaitPostconf | undefined;
}

/** For one run of postconf(1). */
interface Question {
  names: readonly string[];
  args: readonly string[];
}

export class InstalledDefaults {
  readonly #options: InstalledDefaultsOptions;
  /** Undefined: the installed Postfix doesn't know it either. */
  readonly #answers = new Map<string, string | undefined>();

  constructor(options: InstalledDefaultsOptions) {
    this.#options = options;
  }

  /** The unexpanded default, one character a byte; undefined for a name that isn't Postfix's. */
  valueOf(name: string): string | undefined {
    if (!this.#answers.has(name)) {
      const { roots, run = runPostconf } = this.#options;
      for (const question of this.#questions([name, ...roots])) {
        try {
          this.#take(question, run(question.args));
        } catch (thrown) {
          this.#fail(question, thrown);
        }
      }
    }
    return this.#answers.get(name);
  }

  /** Asks for all that valueOf may be asked for, so that it needs no process then. */
  async prepare(): Promise<void> {
    const { roots, awaitRun = awaitPostconf } = this.#options;
    for (const question of this.#questions(roots)) {
      try {
        this.#take(question, await awaitRun(question.args));
      } catch (thrown) {
        this.#fail(question, thrown);
      }
    }
  }

  /** Questions, each to be answered before the next, until all that these names lead to is known. */
  *#questions(names: readonly string[]): Generator<Question, void> {
    const { directory, overrides } = this.#options;
    for (let open = this.#open(names); open.length > 0; open = this.#open(names)) {
      const plain = open.filter((name) => name !== byOthers);
      if (plain.length > 0) {
        yield { names: plain, args: ['-c', directory, '-d', ...plain] };
      }
      if (plain.length < open.length) {
        const options = overrides.flatMap((text) => ['-o', text]);
        yield { names: [byOthers], args: ['-c', directory, ...options, byOthers] };
      }
    }
  }

  /** These names, and those that their values refer to, as far as they aren't known yet. */
  #open(names: readonly string[]): string[] {
    const seen = new Set(names);
    const open: string[] = [];
    for (const name of seen) {
      const value = this.#options.known(name) ?? this.#answers.get(name);
      if (value === undefined) {
        if (!this.#answers.has(name)) {
          open.push(name);
        }
        continue;
      }
      for (const [, referred] of value.matchAll(references)) {
        seen.add(referred!);
      }
    }
    return open;
  }

  #take({ names }: Question, text: string): void {
    const printed = new Map(
      [...text.matchAll(/^(\w+) =(?: (.*))?$/gmu)].map(
        ([, name, value]) => [name, value ?? ''] as const,
      ),
    );
    for (const name of names) {
      const value = printed.get(name);
      // The value that Postfix's programs use ends with a blank; postconf(1) drops it.
      this.#answers.set(name, name === byOthers && value ? `${value} ` : value);
    }
  }

  #fail({ names }: Question, thrown: unknown): void {
    for (const name of names) {
      this.#answers.set(name, withoutPostfix.get(name));
    }
    this.#options.failed(thrown, names);
  }
}

/** For InstalledDefaultsOptions.failed. Warns, except when no Postfix is installed and none is needed. */
export function warnOfFailure(warn: Warn, needed: boolean) {
  return (thrown: unknown, names: readonly string[]): void => {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !needed) {
      return;
    }
    const reason =
      code === 'ENOENT' ? 'it is not installed' : code === 'ETIMEDOUT' ? 'no answer' : 'it fails';
    const empty = names.filter((name) => !withoutPostfix.has(name));
    if (empty.length > 0) {
      const shown = empty.slice(0, mostShown).join(', ');
      const more = empty.length > mostShown ? ` and ${empty.length - mostShown} more` : '';
      warn(`cannot ask postconf for defaults (${reason}); taken as empty: ${shown}${more}`);
    }
  };
}
