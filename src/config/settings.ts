/**
 * Finds the value of a name and expands it; checks nothing else. These are the
 * sources of values, the weakest first: defaults; process_name and
 * config_directory; main.cf; overrides in their order; service_name and
 * process_id. `$name` may be any parameter of the table or of the installed
 * Postfix, as with postconf(1). Throws FatalError with Postfix's text. Follows
 * src/global/mail_conf.c.
 */
import { FatalError } from '../errors.ts';
import { fromByteText, toByteText } from './byte-text.ts';
import { expand, type Lookup } from './expand.ts';
import { ExpansionFault } from './expansion-fault.ts';
import { foundDefaults } from './found-defaults.ts';
import {
  type AwaitPostconf,
  InstalledDefaults,
  type RunPostconf,
  warnOfFailure,
} from './installed-defaults.ts';
import { readMainCf, readMainCfAtRest, type Setting, type Warn } from './main-cf.ts';
import { findParameter, parameters } from './parameters.ts';

/**
 * - `daemon`: everything is checked.
 * - `standalone`: no Postfix is needed. main.cf is read only from a directory
 *   that was asked for, users and groups aren't checked, and mail_owner is the
 *   current user.
 * - `print`: for the tool; as `daemon`, without the checks of users and groups.
 */
export type LoadMode = 'daemon' | 'standalone' | 'print';

export interface MainCfOptions {
  /** Else MAIL_CONFIG, else /etc/postfix. */
  configDirectory?: string;
  environment: NodeJS.ProcessEnv;
  /** process_name. */
  programName: string;
  mode: LoadMode;
  warn: Warn;
}

export interface LoadOptions extends MainCfOptions {
  /** `-o` and its like, in the order of the command line. */
  overrides: readonly Setting[];
  serviceName: string;
  /** Stronger than the table's defaults, weaker than main.cf. */
  defaults?: ReadonlyMap<string, string>;
  /** From openMainCf, for a caller that has to look at its options in between. */
  mainCf?: MainCf;
  /** For tests: what stands in for postconf(1). */
  runPostconf?: RunPostconf;
  /** For tests: the same, for a process that serves. */
  awaitPostconf?: AwaitPostconf;
}

/** A main.cf that has been read; values are unexpanded, one character a byte. */
export interface MainCf {
  directory: string;
  settings: ReadonlyMap<string, string>;
}

const builtInDirectory = '/etc/postfix';

/** The one parameter of the table whose default only the installed Postfix knows. */
const ofInstalled = 'mail_version';

/** `postconf -x` prints one blank for any number of these. */
const printedAsBlank = /[ \t\r\n]+/gu;

/** Reads main.cf. Call it before the options are looked at: Postfix finds faults in that order. */
export function openMainCf(options: MainCfOptions): MainCf {
  const { directory, known, path } = findMainCf(options);
  return {
    directory,
    settings: path === undefined ? known : readMainCf(path, options.warn, known),
  };
}

/** The same, for a process that serves: nothing else waits while main.cf is being written. */
export async function openMainCfAtRest(options: MainCfOptions): Promise<MainCf> {
  const { directory, known, path } = findMainCf(options);
  if (path === undefined) {
    return { directory, settings: known };
  }
  return { directory, settings: await readMainCfAtRest(path, options.warn, known) };
}

/** Where main.cf is (undefined: none is to be read), and what is known without it. */
function findMainCf({ configDirectory, environment, mode, programName }: MainCfOptions): {
  directory: string;
  known: Map<string, string>;
  path: string | undefined;
} {
  const asked = configDirectory ?? environment['MAIL_CONFIG'];
  const directory = asked ?? builtInDirectory;
  const known = new Map([
    ['process_name', toByteText(programName)],
    ['config_directory', toByteText(directory)],
  ]);
  const isNone = mode === 'standalone' && asked === undefined;
  return { directory, known, path: isNone ? undefined : `${directory}/main.cf` };
}

export class Settings {
  /** The directory in use, whatever main.cf says of config_directory. */
  readonly directory: string;
  /** `file /x/main.cf: `, before some faults. */
  readonly prefix: string;
  readonly #mode: LoadMode;
  readonly #settings: Map<string, string>;
  readonly #mainCf: ReadonlyMap<string, string>;
  readonly #defaults: ReadonlyMap<string, string>;
  readonly #found = new Map<string, string>();
  readonly #installed: InstalledDefaults;

  constructor(options: LoadOptions) {
    const { directory, settings } = options.mainCf ?? openMainCf(options);
    this.directory = directory;
    this.prefix = `file ${directory}/main.cf: `;
    this.#mode = options.mode;
    this.#defaults = options.defaults ?? new Map();
    this.#mainCf = settings;
    this.#settings = new Map(settings);
    for (const { name, value } of options.overrides) {
      this.#settings.set(toByteText(name), toByteText(value));
    }
    this.#settings.set('process_name', toByteText(options.programName));
    if (options.mode === 'print') {
      this.#settings.delete('service_name');
      this.defineProcessId();
    } else {
      this.#settings.set('service_name', toByteText(options.serviceName));
    }
    this.#installed = new InstalledDefaults({
      directory,
      overrides: options.overrides.map(({ name, value }) => `${name}=${value}`),
      roots: parameters.map(({ name }) => name),
      known: (name) =>
        this.#ownValue(name) ?? (Object.hasOwn(foundDefaults, name) ? '' : undefined),
      failed: warnOfFailure(options.warn, options.mode !== 'standalone'),
      run: options.runPostconf,
      awaitRun: options.awaitPostconf,
    });
  }

  /** From now on process_id is known. To a daemon it isn't while the common parameters are read. */
  defineProcessId(): void {
    this.#settings.set('process_id', String(process.pid));
  }

  /** Asks postconf(1) for all defaults that values refer to. The process serves on meanwhile. */
  prepare(): Promise<void> {
    return this.#installed.prepare();
  }

  /** As if it weren't set. */
  forget(name: string): void {
    this.#settings.delete(name);
  }

  /** The expanded value of a parameter. */
  text(name: string): string {
    return this.expanded(name, this.#lookup(name) ?? '');
  }

  /** The expanded value that main.cf alone gives a parameter; undefined when it doesn't name it. */
  inMainCf(name: string): string | undefined {
    const value = this.#mainCf.get(name);
    return value === undefined ? undefined : this.expanded(name, value);
  }

  /** Another value of a parameter, expanded. */
  expanded(name: string, value: string): string {
    return fromByteText(this.#expanded(name, value, (other) => this.#lookup(other)));
  }

  /** Every parameter as `postconf -x` prints it, in the table's order. */
  printed(): Map<string, string> {
    return new Map(
      parameters.map(({ name }) => [
        name,
        this.text(name).replace(printedAsBlank, ' ').replace(/^ | $/gu, ''),
      ]),
    );
  }

  /** The value of main.cf or an override, else the default; unexpanded, one character for each byte. */
  #lookup(name: string): string | undefined {
    if (Object.hasOwn(foundDefaults, name)) {
      return this.#setValue(name) ?? this.#foundDefault(name);
    }
    return this.#ownValue(name) ?? this.#installed.valueOf(name);
  }

  #ownValue(name: string): string | undefined {
    const ofTable = name === ofInstalled ? undefined : findParameter(name)?.default;
    return this.#setValue(name) ?? ofTable;
  }

  #setValue(name: string): string | undefined {
    const standalone = this.#defaults.get(name);
    return (
      this.#settings.get(name) ?? (standalone === undefined ? undefined : toByteText(standalone))
    );
  }

  /**
   * Uses values that are set, and no other default. Otherwise myhostname and
   * mydomain would ask each other without end.
   */
  #foundDefault(name: string): string {
    let found = this.#found.get(name);
    if (found === undefined) {
      const known = (other: string): string | undefined => this.#knownEarly(other);
      found = foundDefaults[name]!((other) => {
        const value = known(other);
        return value === undefined ? undefined : this.#expanded(other, value, known);
      });
      this.#found.set(name, found);
    }
    return found;
  }

  /** A daemon knows its compatibility_level and process_name at that time, postconf(1) doesn't. */
  #knownEarly(name: string): string | undefined {
    if (this.#mode === 'print') {
      return name === 'process_name' || name === 'process_id'
        ? undefined
        : this.#settings.get(name);
    }
    return (
      this.#settings.get(name) ??
      (name === 'compatibility_level' ? findParameter(name)?.default : undefined)
    );
  }

  #expanded(name: string, value: string, lookup: Lookup): string {
    try {
      return expand(value, lookup);
    } catch (thrown) {
      if (thrown instanceof ExpansionFault) {
        throw new FatalError(
          `${this.prefix}parameter ${name}: macro processing error: ${fromByteText(thrown.message)}`,
          { cause: thrown },
        );
      }
      throw thrown;
    }
  }
}
