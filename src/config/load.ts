/**
 * Makes one checked Config of main.cf, overrides and the table of parameters.
 * All parameters are expanded and checked at once, in Postfix's order, the
 * common ones before tlsmgr's own. The first fault is thrown as FatalError
 * with Postfix's text. Follows src/global/mail_params.c, maillog_client.c and
 * src/tlsmgr/tlsmgr.c.
 */
import { userInfo } from 'node:os';
import { FatalError } from '../errors.ts';
import { type CacheName, cachesNamed } from './cache-names.ts';
import type { CacheSettings, Config, MailOwner, ParameterFault } from './config.ts';
import { crossChecks } from './cross-checks.ts';
import { fleetSettings } from './fleet-settings.ts';
import { checkIdentities } from './identities.ts';
import { logsCacheOperations } from './log-level.ts';
import type { Warn } from './main-cf.ts';
import { otherDatabases } from './other-databases.ts';
import type { CheckContext, Parameter, ValuesOf } from './parameter.ts';
import { topRows } from './parameters.ts';
import { cacheListRows, type CacheRows, cacheRows } from './parameters/caches.ts';
import { checkedOnlyRows, identityRows, logRows, postlogRows } from './parameters/common.ts';
import { randomRows } from './parameters/random.ts';
import { fleetRows } from './parameters/fleet.ts';
import { limitRows } from './parameters/service.ts';
import { type Check, orderOf, Section } from './section.ts';
import { type LoadMode, type LoadOptions, openMainCfAtRest, Settings } from './settings.ts';

export type { LoadOptions } from './settings.ts';

/** Shorter lifetimes are raised to this one. Source: src/tlsmgr/tlsmgr.c. */
export const shortestCacheSeconds = 120;

/**
 * A parameter of ours with a fault gets its default: mail must not stop because
 * of a parameter that Postfix's own tlsmgr doesn't even know. Standalone such a
 * fault is thrown as well, since a person sees it there.
 */
export function loadConfig(options: LoadOptions): Config {
  return checkedConfig(openSettings(options), options);
}

/** The same for a process that serves: it serves on while main.cf and postconf(1) are waited for. */
export async function loadConfigAtRest(options: LoadOptions): Promise<Config> {
  const settings = new Settings({ ...options, mainCf: await openMainCfAtRest(options) });
  await settings.prepare();
  settings.takeCaches();
  await settings.prepare();
  return checkedConfig(settings, options);
}

function openSettings(options: LoadOptions): Settings {
  const settings = new Settings(options);
  settings.takeCaches();
  return settings;
}

function checkedConfig(settings: Settings, options: LoadOptions): Config {
  const config = new Checks(settings, options).config();
  const [fault] = config.faults;
  if (fault !== undefined && options.mode === 'standalone') {
    throw new FatalError(fault.message);
  }
  return config;
}

/** Names of the caches, also where other settings have faults. Warns of nothing. */
export function namedCaches(options: LoadOptions): readonly CacheName[] {
  return openSettings({ ...options, warn: () => undefined }).cacheNames;
}

export interface Inspection {
  /** Every parameter as `postconf -x` prints it; those of `faults` with the default that is used. */
  text: Map<string, string>;
  /** Parameters of ours with a fault; of these a daemon under master(8) uses the default. */
  faults: readonly ParameterFault[];
  /** What would keep the daemon from starting. */
  fatal: FatalError | undefined;
}

/**
 * What a daemon under master(8) makes of main.cf. Throws FatalError when there is
 * no text: for a line of main.cf, or a value of Postfix's that can't be expanded.
 */
export function inspectConfig(options: LoadOptions): Inspection {
  const settings = openSettings(options);
  const checks = new Checks(settings, options);
  let fatal: FatalError | undefined;
  try {
    checks.config();
  } catch (thrown) {
    if (!(thrown instanceof FatalError)) {
      throw thrown;
    }
    fatal = thrown;
  }
  return { text: settings.printed(), faults: checks.faults, fatal };
}

/**
 * Checks of a lower order are made by every program of Postfix. After them come
 * the users and groups, and process_id becomes known.
 */
const commonEnd = 510;

/** Expanded texts to a Config. */
class Checks {
  readonly #settings: Settings;
  readonly #mode: LoadMode;
  readonly #serviceName: string;
  readonly #context: CheckContext;
  readonly faults: ParameterFault[] = [];
  readonly #cacheList = new Section(cacheListRows);
  readonly #caches: ReadonlyMap<CacheName, Section<ValuesOf<CacheRows>>>;
  readonly #random = new Section(randomRows);
  readonly #limits = new Section(limitRows);
  readonly #fleet = new Section(fleetRows);
  readonly #log = new Section(logRows);
  readonly #postlog = new Section(postlogRows);
  readonly #identities = new Section(identityRows);
  readonly #top = new Section(topRows);

  constructor(settings: Settings, options: LoadOptions) {
    this.#settings = settings;
    this.#caches = new Map(
      cachesNamed(settings.cacheNames).map((cache) => [cache.name, new Section(cacheRows(cache))]),
    );
    this.#mode = options.mode;
    this.#serviceName = options.serviceName;
    this.#context = { prefix: settings.prefix, warn: options.warn };
  }

  config(): Config {
    const settings = this.#settings;
    const owner = this.#checkAll();
    const { warn } = this.#context;
    const top = this.#top.values();
    const caches = new Map(
      [...this.#caches].map(([name, section]) => [
        name,
        cacheSettings(name, section.values(), warn),
      ]),
    );
    const fleet = fleetSettings(this.#fleet.values(), {
      caches,
      setText: (name) => settings.setText(name),
      refuse: (parameter, message) => this.#useDefault(parameter, message, ':'),
    });
    let text: ReadonlyMap<string, string> | undefined;
    return Object.freeze({
      ...top,
      configDirectory: settings.directory,
      mailOwner: owner,
      serviceName: this.#serviceName,
      caches,
      fleet,
      otherDatabases: this.#mode === 'print' ? undefined : otherDatabases(settings, warn),
      random: this.#random.values(),
      log: {
        ...this.#log.values(),
        postlogSocket: `${top.queueDirectory}/public/${this.#postlog.values().postlogServiceName}`,
      },
      limits: this.#limits.values(),
      faults: this.faults,
      /** Made when it is read: it may need postconf(1), and a daemon usually doesn't read it. */
      get text() {
        text ??= settings.printed();
        return text;
      },
      prepareText: () => settings.prepare(),
    });
  }

  /** Runs all checks in their order. */
  #checkAll(): MailOwner {
    const checks = this.#checks().toSorted((one, other) => one.order - other.order);
    for (const { run } of checks.filter(({ order }) => order < commonEnd)) {
      run();
    }
    const owner = this.#findMailOwner();
    this.#settings.defineProcessId();
    for (const { run } of checks.filter(({ order }) => order >= commonEnd)) {
      run();
    }
    return owner;
  }

  #checks(): Check[] {
    const read = <Value>(parameter: Parameter<Value>): Value => this.#valueOrDefault(parameter);
    const textOf = (name: string): string => this.#settings.text(name);
    return [
      ...this.#cacheList.checks(read),
      ...[...this.#caches.values()].flatMap((section) => section.checks(read)),
      ...this.#top.checks(read),
      ...this.#random.checks(read),
      ...this.#limits.checks(read),
      ...this.#fleet.checks(read),
      ...this.#log.checks(read),
      ...this.#postlog.checks(read),
      ...this.#identities.checks(read),
      ...checkedOnlyRows.map((row) => ({ order: orderOf(row), run: () => void read(row) })),
      ...crossChecks.map(({ order, run }) => ({ order, run: () => run(textOf, this.#context) })),
    ];
  }

  #findMailOwner(): MailOwner {
    const names = this.#identities.values();
    if (this.#mode === 'daemon') {
      return checkIdentities(names, this.#settings.prefix);
    }
    const { username, uid, gid } = userInfo();
    return { name: this.#mode === 'print' ? names.mailOwner : username, uid, gid };
  }

  /** A parameter of ours with a fault has its default; the fault is kept. */
  #valueOrDefault<Value>(parameter: Parameter<Value>): Value {
    try {
      return this.#value(parameter);
    } catch (thrown) {
      if (parameter.ours !== true || !(thrown instanceof FatalError)) {
        throw thrown;
      }
      const { name, allowed } = parameter;
      this.#useDefault(parameter, thrown.message, `: ${name} takes ${allowed};`);
      return this.#value(parameter);
    }
  }

  /** @param words between the message and what follows from it. */
  #useDefault(parameter: Parameter, message: string, words: string): void {
    const { name } = parameter;
    this.#settings.forget(name);
    const used = parameter.default === '' ? 'empty' : parameter.default;
    const text = `${message}${words} its default is used: ${used}`;
    this.faults.push({ name, message, text });
  }

  #value<Value>(parameter: Parameter<Value>): Value {
    return parameter.read(this.#settings.text(parameter.name), this.#context);
  }
}

function cacheSettings(
  label: CacheName,
  { logLevel, ...values }: ValuesOf<CacheRows>,
  warn: Warn,
): CacheSettings {
  const asked = values.lifetimeSeconds;
  const lifetimeSeconds = asked > 0 ? Math.max(asked, shortestCacheSeconds) : 0;
  const isOn = values.database !== '' && lifetimeSeconds > 0;
  const logOperations = isOn && logsCacheOperations(`${label}_tls_loglevel`, logLevel, warn);
  return { ...values, label, lifetimeSeconds, logOperations };
}
