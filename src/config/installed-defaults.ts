/**
 * Defaults of parameters that main.cf refers to and doesn't set, and that the
 * table in parameters.ts doesn't have: those of the installed Postfix, as
 * `postconf -d` tells them. It is a process, so it is run when the first such
 * name comes up, for all of them at once: what our own parameters refer to, and
 * what the answers refer to in turn. A process that serves has them asked for
 * before, while it goes on. Where postconf(1) can't be asked they are empty, as
 * a name that nobody knows is, and one warning says so.
 */
import { execFile, execFileSync } from 'node:child_process';
import { version } from '../version.ts';
import type { Warn } from './main-cf.ts';

/** Postfix's commands may stand outside the PATH of whoever starts us: master(8) gives none. */
export const commandPath = '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin';

/** Usually it takes some milliseconds. */
const limitMs = 5000;

/** In a warning. */
const mostShown = 8;

/** Its default goes by other parameters as main.cf has them, so `postconf -d` doesn't know it. */
const byOthers = 'mynetworks';

/**
 * Where no Postfix can be asked. The type is for a main.cf of Postfix 3.11 and
 * later: all types that are a file are one to us.
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

export function runPostconf(args: readonly string[]): string {
  return execFileSync('postconf', args, {
    ...running,
    timeout: limitMs,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

export function awaitPostconf(args: readonly string[], timeout = limitMs): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('postconf', args, { ...running, timeout }, (fault, printed) => {
      process.off('exit', kill);
      if (fault === null) {
        resolve(printed);
      } else {
        // execFileSync has a code for the end of the time, execFile has none.
        reject(fault.killed === true ? Object.assign(fault, { code: 'ETIMEDOUT' }) : fault);
      }
    });
    // One that hangs must not outlive us.
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

  /** What to ask until nothing is open that these lead to; each is answered before the next. */
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

  /** Names that these lead to, and that nobody has an answer for yet. */
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
      // Postfix's own list ends with a blank, which postconf(1) doesn't show.
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

/** A function for InstalledDefaultsOptions: a warning, but none where no Postfix is needed and none is there. */
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
