/**
 * From main.cf, overrides and the table of parameters to one checked Config.
 * All parameters are expanded and checked at once, in Postfix's order, the
 * common ones before tlsmgr's own; the first fault is thrown as FatalError
 * with Postfix's text. Follows src/global/mail_params.c, maillog_client.c and
 * src/tlsmgr/tlsmgr.c.
 */
import { userInfo } from 'node:os';
import { FatalError } from '../errors.ts';
import { syslogFacilities } from '../log/syslog.ts';
import { type ListenAddress, parseListenAddress } from '../metrics/listen-address.ts';
import { type CacheName, postfixCacheNames } from './cache-names.ts';
import { malformedLevel, parseLevel } from './compatibility-level.ts';
import type { CacheSettings, Config, LogSettings, MailOwner, ParameterFault } from './config.ts';
import { hostnameFault } from './hostname.ts';
import { checkIdentities } from './identities.ts';
import { logsCacheOperations } from './log-level.ts';
import type { Warn } from './main-cf.ts';
import { otherDatabases } from './other-databases.ts';
import { findParameter, type Parameter } from './parameters.ts';
import { type LoadMode, type LoadOptions, openMainCfAtRest, Settings } from './settings.ts';
import { booleanValue, integerValue, sizeValue, textValue, timeValue, words } from './values.ts';

export type { LoadOptions } from './settings.ts';

/** Lifetimes below are raised to it. Source: src/tlsmgr/tlsmgr.c. */
export const shortestCacheSeconds = 120;

/**
 * A parameter of ours that has a fault has its default instead: mail must not
 * stop for what Postfix's own tlsmgr doesn't even know. Standalone it is thrown
 * as well: there a person sees it.
 */
export function loadConfig(options: LoadOptions): Config {
  return checkedConfig(new Settings(options), options);
}

/** The same, for a process that serves: it waits for main.cf and postconf(1), and nothing else does. */
export async function loadConfigAtRest(options: LoadOptions): Promise<Config> {
  const settings = new Settings({ ...options, mainCf: await openMainCfAtRest(options) });
  await settings.prepare();
  return checkedConfig(settings, options);
}

function checkedConfig(settings: Settings, options: LoadOptions): Config {
  const config = new Checks(settings, options).config();
  const [fault] = config.faults;
  if (fault !== undefined && options.mode === 'standalone') {
    throw new FatalError(fault.message);
  }
  return config;
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
  const settings = new Settings(options);
  const text = settings.printed();
  try {
    const [fault] = new Checks(settings, options).config().faults;
    return { text, fault: fault === undefined ? undefined : new FatalError(fault.message) };
  } catch (thrown) {
    if (thrown instanceof FatalError) {
      return { text, fault: thrown };
    }
    throw thrown;
  }
}

/** A parameter to check by the table, or a check of its own. */
type Step = string | ((checks: Checks) => void);

/** The order tells which of two faults is found. */
export const checkOrder: readonly Step[] = [
  'compatibility_level',
  'syslog_facility',
  'inet_protocols',
  'multi_instance_directories',
  'multi_instance_group',
  'multi_instance_name',
  'maillog_file',
  'maillog_file_prefixes',
  'maillog_file_compressor',
  'maillog_file_rotate_suffix',
  'maillog_file_permissions',
  'postlog_service_name',
  (checks) => checks.checkFacility(),
  'smtputf8_enable',
  (checks) => checks.checkProtocols(),
  'myhostname',
  'mydomain',
  (checks) => checks.checkHost('myhostname'),
  (checks) => checks.checkHost('mydomain'),
  'mail_name',
  'syslog_name',
  'mail_owner',
  'setgid_group',
  'daemon_directory',
  'data_directory',
  'queue_directory',
  'default_privs',
  'default_database_type',
  'export_environment',
  'import_environment',
  'debug_peer_list',
  'multi_instance_wrapper',
  'max_use',
  'debug_peer_level',
  'multi_instance_enable',
  'max_idle',
  'ipc_timeout',
  'ipc_idle',
  'ipc_ttl',
  'daemon_timeout',
  (checks) => checks.findMailOwner(),
  (checks) => checks.defineProcessId(),
  (checks) => checks.checkMaillogFile(),
  'tls_random_reseed_period',
  'tls_random_prng_update_period',
  ...postfixCacheNames.map((label) => `${label}_tls_session_cache_timeout`),
  'tls_random_bytes',
  'tls_random_source',
  'tls_random_exchange_name',
  ...postfixCacheNames.map((label) => `${label}_tls_session_cache_database`),
  ...postfixCacheNames.map((label) => `${label}_tls_loglevel`),
  ...postfixCacheNames.flatMap((label) => [
    `${label}_tls_session_cache_size_limit`,
    `${label}_tls_session_cache_entry_limit`,
  ]),
  'tlsmgr_session_cache_persistent',
  'tlsmgr_session_cache_key_file',
  'tlsmgr_protocol_announcement',
  'tlsmgr_request_size_limit',
  'tlsmgr_request_time_limit',
  'tlsmgr_connection_limit',
  'tlsmgr_egd_listen',
  'tlsmgr_metrics_listen',
  (checks) => checks.findMetricsAddress(),
];

/** Expanded texts to a Config. */
class Checks {
  readonly #settings: Settings;
  readonly #mode: LoadMode;
  readonly #serviceName: string;
  readonly #warn: Warn;
  /** What the checks have made of each text. */
  readonly #checked = new Map<string, string | number | boolean>();
  readonly #faults: ParameterFault[] = [];
  #mailOwner: MailOwner | undefined;
  #metricsListen: ListenAddress | undefined;

  constructor(settings: Settings, options: LoadOptions) {
    this.#settings = settings;
    this.#mode = options.mode;
    this.#serviceName = options.serviceName;
    this.#warn = options.warn;
  }

  config(): Config {
    for (const step of checkOrder) {
      if (typeof step === 'string') {
        this.#checked.set(step, this.#valueOrDefault(step));
      } else {
        step(this);
      }
    }
    const settings = this.#settings;
    let text: ReadonlyMap<string, string> | undefined;
    return Object.freeze({
      configDirectory: settings.directory,
      queueDirectory: this.#text('queue_directory'),
      dataDirectory: this.#text('data_directory'),
      daemonDirectory: this.#text('daemon_directory'),
      mailOwner: this.#mailOwner!,
      serviceName: this.#serviceName,
      defaultDatabaseType: this.#text('default_database_type'),
      daemonTimeoutSeconds: this.#number('daemon_timeout'),
      announce: this.#flag('tlsmgr_protocol_announcement'),
      caches: new Map(postfixCacheNames.map((name) => [name, this.#cache(name)])),
      persistentCaches: this.#flag('tlsmgr_session_cache_persistent'),
      cacheKeyFile: this.#text('tlsmgr_session_cache_key_file'),
      otherDatabases: this.#mode === 'print' ? undefined : otherDatabases(settings, this.#warn),
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
        connections: this.#number('tlsmgr_connection_limit'),
      },
      metricsListen: this.#metricsListen,
      faults: this.#faults,
      /** Made when it is asked for: a daemon doesn't, and it costs a look at the installed Postfix. */
      get text() {
        text ??= settings.printed();
        return text;
      },
      prepareText: () => settings.prepare(),
    });
  }

  checkFacility(): void {
    const facility = this.#text('syslog_facility');
    if (!syslogFacilities.has(facility)) {
      throw new FatalError(
        `${this.#settings.prefix}parameter syslog_facility: unrecognized value: ${facility}`,
      );
    }
  }

  checkHost(name: 'myhostname' | 'mydomain'): void {
    const text = this.#text(name);
    const reason = hostnameFault(text);
    if (reason !== undefined) {
      this.#warn(reason);
      throw new FatalError(
        `${this.#settings.prefix}parameter ${name}: bad parameter value: ${text}`,
      );
    }
  }

  checkProtocols(): void {
    const text = this.#text('inet_protocols');
    const unknown = words(text).find((word) => !['all', 'ipv4', 'ipv6'].includes(word));
    if (unknown !== undefined) {
      throw new FatalError(`unknown inet_protocols value "${unknown}" in "${text}"`);
    }
  }

  findMailOwner(): void {
    if (this.#mode === 'daemon') {
      this.#mailOwner = checkIdentities(
        {
          mailOwner: this.#text('mail_owner'),
          setgidGroup: this.#text('setgid_group'),
          defaultPrivs: this.#text('default_privs'),
        },
        this.#settings.prefix,
      );
      return;
    }
    const { username, uid, gid } = userInfo();
    const name = this.#mode === 'print' ? this.#text('mail_owner') : username;
    this.#mailOwner = { name, uid, gid };
  }

  defineProcessId(): void {
    this.#settings.defineProcessId();
  }

  checkMaillogFile(): void {
    const file = this.#text('maillog_file');
    if (file === '') {
      return;
    }
    const prefixes = words(this.#text('maillog_file_prefixes'));
    if (!prefixes.some((prefix) => file.startsWith(prefix))) {
      throw new FatalError(
        `maillog_file value '${file}' does not match any prefix in maillog_file_prefixes`,
      );
    }
  }

  findMetricsAddress(): void {
    const name = 'tlsmgr_metrics_listen';
    const text = this.#text(name);
    this.#metricsListen = text === '' ? undefined : parseListenAddress(text);
    if (text !== '' && this.#metricsListen === undefined) {
      this.#useDefault(
        findParameter(name)!,
        `${this.#settings.prefix}parameter ${name}: bad parameter value: ${text}`,
      );
    }
  }

  #valueOrDefault(name: string): string | number | boolean {
    const parameter = findParameter(name)!;
    try {
      return this.#checkedValue(name);
    } catch (thrown) {
      if (parameter.ours !== true || !(thrown instanceof FatalError)) {
        throw thrown;
      }
      this.#useDefault(parameter, thrown.message);
      return this.#checkedValue(name);
    }
  }

  #useDefault(parameter: Parameter, message: string): void {
    const { name } = parameter;
    this.#settings.forget(name);
    const used = parameter.default === '' ? 'empty' : parameter.default;
    const text = `${message}: ${name} takes ${allowedText(parameter)}; its default is used: ${used}`;
    this.#faults.push({ name, message, text });
  }

  #checkedValue(name: string): string | number | boolean {
    const parameter = findParameter(name)!;
    const text = this.#settings.text(name);
    switch (parameter.kind) {
      case 'time':
        return timeValue(name, text, parameter, this.#warn);
      case 'size':
        return sizeValue(name, text, parameter);
      case 'integer':
        return integerValue(name, text, parameter);
      case 'boolean':
        return booleanValue(name, text);
      case 'level':
        return levelText(text);
      default:
        return textValue(name, text, parameter);
    }
  }

  #text(name: string): string {
    return this.#checked.get(name) as string;
  }

  #number(name: string): number {
    return this.#checked.get(name) as number;
  }

  #flag(name: string): boolean {
    return this.#checked.get(name) as boolean;
  }

  #cache(label: CacheName): CacheSettings {
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
        logsCacheOperations(levelName, this.#text(levelName), this.#warn),
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

function allowedText({ kind, min = 0 }: Parameter): string {
  switch (kind) {
    case 'boolean':
      return 'yes or no';
    case 'time':
      return `a time of at least ${min} s`;
    case 'size':
    case 'integer':
      return `a whole number of at least ${min}`;
    default:
      return 'host:port, [address]:port or an absolute path, or nothing';
  }
}

function levelText(text: string): string {
  if (parseLevel(text) === undefined) {
    throw new FatalError(malformedLevel(text));
  }
  return text;
}
