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
import { type CacheName, cacheNamesFault, postfixCacheNames } from './cache-names.ts';
import type { Parameter } from './parameter.ts';
import { parameters, parametersFor } from './parameters.ts';
import { words } from './values.ts';

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
  /** The same for the database of each cache. */
  defaultDatabase?: (cache: CacheName) => string;
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

/** The parameter that names the caches. */
const listOfCaches = 'tlsmgr_session_caches';

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
  /** One character a byte. */
  readonly #serviceName: string;
  readonly #settings: Map<string, string>;
  readonly #mainCf: ReadonlyMap<string, string>;
  readonly #defaults: Map<string, string>;
  readonly #defaultDatabase: ((cache: CacheName) => string) | undefined;
  readonly #found = new Map<string, string>();
  readonly #installed: InstalledDefaults;
  /** By name, in the table's order. */
  #parameters = byName(parameters);
  /** Names of parameters that postconf(1) may be asked about. */
  readonly #roots = [...this.#parameters.keys()];
  /** The caches that main.cf names, where its list of them has no fault. */
  cacheNames: readonly CacheName[] = postfixCacheNames;

  constructor(options: LoadOptions) {
    const { directory, settings } = options.mainCf ?? openMainCf(options);
    this.directory = directory;
    this.prefix = `file ${directory}/main.cf: `;
    this.#mode = options.mode;
    this.#serviceName = toByteText(options.serviceName);
    this.#defaults = new Map(options.defaults);
    this.#defaultDatabase = options.defaultDatabase;
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
      this.#settings.set('service_name', this.#serviceName);
    }
    this.#installed = new InstalledDefaults({
      directory,
      overrides: options.overrides.map(({ name, value }) => `${name}=${value}`),
      roots: this.#roots,
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

  /**
   * Takes in the parameters of the caches that tlsmgr_session_caches names. Called
   * once, before anything else is read: its value may need postconf(1). A fault
   * in it is found when the parameter is checked; the default counts until then.
   */
  takeCaches(): void {
    this.cacheNames = this.#namedCaches();
    if (this.cacheNames.length > postfixCacheNames.length) {
      this.#parameters = byName(parametersFor(this.cacheNames));
      this.#roots.push(...this.#parameters.keys());
    }
    for (const name of this.cacheNames) {
      const database = this.#defaultDatabase?.(name);
      if (database !== undefined) {
        this.#defaults.set(`${name}_tls_session_cache_database`, database);
      }
    }
  }

  #namedCaches(): readonly CacheName[] {
    let text: string;
    try {
      text = this.text(listOfCaches);
    } catch (thrown) {
      if (!(thrown instanceof FatalError)) {
        throw thrown;
      }
      return postfixCacheNames;
    }
    const names = words(text);
    return cacheNamesFault(names) === undefined
      ? [...new Set([...postfixCacheNames, ...names])]
      : postfixCacheNames;
  }

  /** As if it weren't set. */
  forget(name: string): void {
    this.#settings.delete(name);
  }

  /** The expanded value of a parameter. */
  text(name: string): string {
    return this.expanded(name, this.#lookup(name) ?? '');
  }

  /** The expanded value that a parameter has been given; undefined when its default counts. */
  setText(name: string): string | undefined {
    const value = this.#setValue(name);
    return value === undefined ? undefined : this.expanded(name, value);
  }

  /** The expanded value that main.cf alone gives a parameter; undefined when it doesn't name it. */
  inMainCf(name: string): string | undefined {
    const value = this.#mainCf.get(name);
    return value === undefined ? undefined : this.expanded(name, value);
  }

  /** Names of parameters in main.cf, one character a byte. */
  namesInMainCf(): string[] {
    return [...this.#mainCf.keys()];
  }

  /**
   * Another value of a parameter, expanded. In one of ours service_name is always
   * the name of the service, also where postconf(1) leaves it empty.
   */
  expanded(name: string, value: string): string {
    const isOurs = this.#parameters.get(name)?.ours === true;
    const lookup: Lookup = (other) =>
      isOurs && other === 'service_name' ? this.#serviceName : this.#lookup(other);
    return fromByteText(this.#expanded(name, value, lookup));
  }

  /** Every parameter as `postconf -x` prints it, in the table's order. */
  printed(): Map<string, string> {
    return new Map(
      [...this.#parameters.keys()].map((name) => [
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
    const ofTable = name === ofInstalled ? undefined : this.#parameters.get(name)?.default;
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
      (name === 'compatibility_level' ? this.#parameters.get(name)?.default : undefined)
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

function byName(all: readonly Parameter[]): ReadonlyMap<string, Parameter> {
  return new Map(all.map((parameter) => [parameter.name, parameter]));
}
