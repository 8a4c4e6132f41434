/**
 * From main.cf, overrides and the table of parameters to one checked Config.
 *
 * Weakest first: defaults; process_name and config_directory; main.cf; `-o`
 * overrides in their order; service_name and process_id. All parameters are
 * expanded and checked at once, the common ones before tlsmgr's own; the first
 * fault is thrown as FatalError with Postfix's text. `$name` knows the default
 * of every parameter of the table, as postconf(1) does. Follows
 * src/global/mail_conf.c, mail_params.c and src/tlsmgr/tlsmgr.c.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { FatalError } from '../errors.ts';
import { syslogFacilities } from '../log/syslog.ts';
import { type CacheLabel, cacheLabels } from '../sessions/session-cache.ts';
import { version } from '../version.ts';
import { malformedLevel, parseLevel } from './compatibility-level.ts';
import type { CacheSettings, Config, LogSettings, MailOwner } from './config.ts';
import { expand } from './expand.ts';
import { ExpansionFault } from './expansion-fault.ts';
import { checkIdentities } from './identities.ts';
import { logsCacheOperations } from './log-level.ts';
import { readMainCf, type Setting, type Warn } from './main-cf.ts';
import { findParameter, parameters } from './parameters.ts';
import { booleanValue, integerValue, sizeValue, textValue, timeValue, words } from './values.ts';

/**
 * - `daemon`: everything is checked.
 * - `standalone`: no Postfix is needed. Without main.cf defaults serve, users
 *   and groups aren't checked, and mail_owner is the current user.
 * - `print`: for the tool; as `daemon`, without the checks of users and groups.
 */
export type LoadMode = 'daemon' | 'standalone' | 'print';

export interface LoadOptions {
  /** Else MAIL_CONFIG, else /etc/postfix. */
  configDirectory?: string;
  environment: NodeJS.ProcessEnv;
  overrides: readonly Setting[];
  /** process_name. */
  programName: string;
  serviceName: string;
  mode: LoadMode;
  /** Stronger than the table's defaults, weaker than main.cf. */
  defaults?: ReadonlyMap<string, string>;
  warn: Warn;
}

const builtInDirectory = '/etc/postfix';
const postconf = '/usr/sbin/postconf';

/** Lifetimes below are raised to it. Source: src/tlsmgr/tlsmgr.c. */
const shortestCacheSeconds = 120;

/** Runs of these print as one blank. */
const printedAsBlank = /[ \t\r\n]+/gu;

export function loadConfig(options: LoadOptions): Config {
  const values = new Values(options);
  return new Checks(values, options).config();
}

/**
 * Every parameter's text as `postconf -x` prints it, and the fault that would
 * keep the daemon from starting with it. Throws FatalError when there is no
 * text: for a line of main.cf, or a value that can't be expanded.
 */
export function inspectConfig(options: LoadOptions): {
  text: Map<string, string>;
  fault: FatalError | undefined;
} {
  const values = new Values(options);
  const text = values.printed();
  try {
    void new Checks(values, options).config();
  } catch (thrown) {
    if (thrown instanceof FatalError) {
      return { text, fault: thrown };
    }
    throw thrown;
  }
  return { text, fault: undefined };
}

/** Names to expanded texts. */
class Values {
  readonly directory: string;
  /** `file /x/main.cf: `, before faults of the parameters that all programs read. */
  readonly prefix: string;
  readonly #settings: Map<string, string>;
  readonly #options: LoadOptions;
  readonly #found = new Map<string, string>();

  constructor(options: LoadOptions) {
    this.#options = options;
    const { configDirectory, environment, overrides, warn } = options;
    this.directory = configDirectory ?? environment['MAIL_CONFIG'] ?? builtInDirectory;
    this.prefix = `file ${this.directory}/main.cf: `;
    const known = new Map([
      ['process_name', options.programName],
      ['config_directory', this.directory],
    ]);
    this.#settings = this.#readsMainCf()
      ? readMainCf(`${this.directory}/main.cf`, warn, known)
      : known;
    for (const { name, value } of overrides) {
      this.#settings.set(name, value);
    }
    this.#settings.set('process_name', options.programName);
    if (options.mode !== 'print') {
      this.#settings.set('service_name', options.serviceName);
    }
    this.#settings.set('process_id', String(process.pid));
  }

  /** The expanded value of a parameter of the table. */
  text(name: string): string {
    try {
      return expand(this.#lookup(name) ?? '', (other) => this.#lookup(other));
    } catch (thrown) {
      if (thrown instanceof ExpansionFault) {
        throw new FatalError(
          `${this.prefix}parameter ${name}: macro processing error: ${thrown.message}`,
          { cause: thrown },
        );
      }
      throw thrown;
    }
  }

  printed(): Map<string, string> {
    return new Map(
      parameters.map(({ name }) => [
        name,
        this.text(name).replace(printedAsBlank, ' ').replace(/^ | $/gu, ''),
      ]),
    );
  }

  /** Standalone, only a main.cf that was asked for is read. */
  #readsMainCf(): boolean {
    const { configDirectory, environment, mode } = this.#options;
    return (
      mode !== 'standalone' ||
      configDirectory !== undefined ||
      environment['MAIL_CONFIG'] !== undefined
    );
  }

  /** What main.cf or an override says, else the default; unexpanded. */
  #lookup(name: string): string | undefined {
    return (
      this.#settings.get(name) ??
      this.#options.defaults?.get(name) ??
      this.#foundDefault(name) ??
      findParameter(name)?.default
    );
  }

  /** Defaults that are found out, and only when somebody needs them. */
  #foundDefault(name: string): string | undefined {
    const find = finders[name];
    if (find === undefined) {
      return undefined;
    }
    let found = this.#found.get(name);
    if (found === undefined) {
      found = find(
        (other) => this.#settings.get(other),
        (other) => this.text(other),
      );
      this.#found.set(name, found);
    }
    return found;
  }
}

type Find = (
  setting: (name: string) => string | undefined,
  expanded: (name: string) => string,
) => string;

const finders: Readonly<Record<string, Find>> = {
  mail_version: installedVersion,
  myhostname: (setting, expanded) => {
    const name = hostname();
    if (name.includes('.')) {
      return name;
    }
    return `${name}.${setting('mydomain') === undefined ? 'localdomain' : expanded('mydomain')}`;
  },
  mydomain: (setting, expanded) => {
    const name = setting('myhostname') === undefined ? hostname() : expanded('myhostname');
    const dot = name.indexOf('.');
    return dot < 0 ? 'localdomain' : name.slice(dot + 1);
  },
};

function installedVersion(): string {
  if (!existsSync(postconf)) {
    return version;
  }
  return execFileSync(postconf, ['-d', '-h', 'mail_version'], { encoding: 'utf8' }).trim();
}

/** Expanded texts to a Config, in the order of Postfix's checks. */
class Checks {
  readonly #values: Values;
  readonly #options: LoadOptions;

  constructor(values: Values, options: LoadOptions) {
    this.#values = values;
    this.#options = options;
  }

  config(): Config {
    this.#checkLevel();
    this.#checkFacility();
    for (const group of ['common', 'misc'] as const) {
      this.#checkGroup(group);
    }
    this.#checkHost('myhostname');
    this.#checkHost('mydomain');
    this.#checkProtocols();
    const mailOwner = this.#mailOwner();
    this.#checkMaillogFile();
    const caches = Object.fromEntries(
      cacheLabels.map((label) => [label, this.#cache(label)]),
    ) as Record<CacheLabel, CacheSettings>;
    return Object.freeze({
      configDirectory: this.#values.directory,
      queueDirectory: this.#text('queue_directory'),
      dataDirectory: this.#text('data_directory'),
      daemonDirectory: this.#text('daemon_directory'),
      mailOwner,
      serviceName: this.#options.serviceName,
      defaultDatabaseType: this.#text('default_database_type'),
      daemonTimeoutSeconds: this.#number('daemon_timeout'),
      announce: this.#flag('tlsmgr_protocol_announcement'),
      caches,
      persistentCaches: this.#flag('tlsmgr_session_cache_persistent'),
      cacheKeyFile: this.#text('tlsmgr_session_cache_key_file'),
      random: {
        reseedPeriodSeconds: this.#number('tls_random_reseed_period'),
        updatePeriodSeconds: this.#number('tls_random_prng_update_period'),
        bytes: this.#number('tls_random_bytes'),
        source: this.#text('tls_random_source'),
        exchangeName: this.#text('tls_random_exchange_name'),
        egdListen: this.#text('tlsmgr_egd_listen'),
      },
      log: this.#log(),
      limits: {
        requestSizeBytes: this.#number('tlsmgr_request_size_limit'),
        requestTimeSeconds: this.#number('tlsmgr_request_time_limit'),
      },
      text: this.#options.mode === 'print' ? this.#values.printed() : new Map(),
    });
  }

  #text(name: string): string {
    return textValue(name, this.#values.text(name), findParameter(name) ?? {});
  }

  #flag(name: string): boolean {
    return booleanValue(name, this.#values.text(name));
  }

  #number(name: string): number {
    const parameter = findParameter(name)!;
    const text = this.#values.text(name);
    switch (parameter.kind) {
      case 'time':
        return timeValue(name, text, parameter, this.#options.warn);
      case 'size':
        return sizeValue(name, text, parameter);
      default:
        return integerValue(name, text, parameter);
    }
  }

  #checkGroup(group: 'common' | 'misc'): void {
    for (const { name, kind } of parameters.filter((parameter) => parameter.group === group)) {
      // Asking an installed Postfix for its version costs; its text needs no check.
      if (name === 'mail_version' || kind === 'level') {
        continue;
      }
      if (kind === 'text') {
        this.#text(name);
      } else if (kind === 'boolean') {
        this.#flag(name);
      } else {
        this.#number(name);
      }
    }
  }

  #checkLevel(): void {
    const text = this.#values.text('compatibility_level');
    if (parseLevel(text) === undefined) {
      throw new FatalError(malformedLevel(text));
    }
  }

  #checkFacility(): void {
    const facility = this.#values.text('syslog_facility');
    if (!syslogFacilities.has(facility)) {
      throw new FatalError(
        `${this.#values.prefix}parameter syslog_facility: unrecognized value: ${facility}`,
      );
    }
  }

  #checkHost(name: 'myhostname' | 'mydomain'): void {
    const text = this.#values.text(name);
    const reason = hostnameFault(text);
    if (reason !== undefined) {
      this.#options.warn(reason);
      throw new FatalError(`${this.#values.prefix}parameter ${name}: bad parameter value: ${text}`);
    }
  }

  #checkProtocols(): void {
    const text = this.#values.text('inet_protocols');
    const unknown = words(text).find((word) => !['all', 'ipv4', 'ipv6'].includes(word));
    if (unknown !== undefined) {
      throw new FatalError(`unknown inet_protocols value "${unknown}" in "${text}"`);
    }
  }

  #mailOwner(): MailOwner {
    const { mode } = this.#options;
    if (mode === 'daemon') {
      return checkIdentities(
        {
          mailOwner: this.#text('mail_owner'),
          setgidGroup: this.#text('setgid_group'),
          defaultPrivs: this.#text('default_privs'),
        },
        this.#values.prefix,
      );
    }
    const { username, uid, gid } = userInfo();
    return { name: mode === 'print' ? this.#text('mail_owner') : username, uid, gid };
  }

  #checkMaillogFile(): void {
    const file = this.#values.text('maillog_file');
    if (file === '') {
      return;
    }
    const prefixes = words(this.#values.text('maillog_file_prefixes'));
    if (!prefixes.some((prefix) => file.startsWith(prefix))) {
      throw new FatalError(
        `maillog_file value '${file}' does not match any prefix in maillog_file_prefixes`,
      );
    }
  }

  #cache(label: CacheLabel): CacheSettings {
    const asked = this.#number(`${label}_tls_session_cache_timeout`);
    const lifetimeSeconds = asked > 0 ? Math.max(asked, shortestCacheSeconds) : 0;
    const database = this.#text(`${label}_tls_session_cache_database`);
    const levelName = `${label}_tls_loglevel`;
    return {
      label,
      database,
      lifetimeSeconds,
      logOperations:
        database !== '' &&
        lifetimeSeconds > 0 &&
        logsCacheOperations(levelName, this.#text(levelName), this.#options.warn),
      sizeLimitBytes: this.#number(`${label}_tls_session_cache_size_limit`),
      entryLimit: this.#number(`${label}_tls_session_cache_entry_limit`),
    };
  }

  #log(): LogSettings {
    return {
      syslogName: this.#text('syslog_name'),
      syslogFacility: this.#text('syslog_facility'),
      maillogFile: this.#text('maillog_file'),
      postlogSocket: `${this.#text('queue_directory')}/public/${this.#text('postlog_service_name')}`,
      hostname: this.#text('myhostname'),
      keepUtf8: this.#flag('smtputf8_enable'),
    };
  }
}

/** Why a host name is none, in Postfix's words; undefined for a good one. Source: src/util/valid_hostname.c. */
function hostnameFault(name: string): string | undefined {
  const bad = /[^A-Za-z0-9._-]/u.exec(name);
  if (name === '') {
    return 'valid_hostname: empty hostname';
  }
  if (bad !== null) {
    return `valid_hostname: invalid character ${bad[0].codePointAt(0)}(decimal): ${name}`;
  }
  if (/^\.|\.\./u.test(name)) {
    return `valid_hostname: misplaced delimiter: ${name}`;
  }
  if (/(?:^|\.)-|-(?:\.|$)/u.test(name)) {
    return `valid_hostname: misplaced hyphen: ${name}`;
  }
  if (/^[0-9.]+$/u.test(name)) {
    return `valid_hostname: numeric hostname: ${name}`;
  }
  return undefined;
}
