/**
 * The settings of one tlsmgr, resolved and checked: what the other parts read.
 * load.ts makes one from main.cf, `-o` overrides and the table in parameters.ts.
 */
import type { ListenAddress } from '../metrics/listen-address.ts';
import type { CacheName } from './cache-names.ts';

export interface MailOwner {
  name: string;
  uid: number;
  gid: number;
}

export interface CacheSettings {
  label: CacheName;
  /** The parameter's value, `btree:/path` for one; empty when there is none. */
  database: string;
  /** 0 switches the cache off; 1 to 119 are already raised to 120. */
  lifetimeSeconds: number;
  /** Whether the cache's loglevel asks for a log line per operation. */
  logOperations: boolean;
  sizeLimitBytes: number;
  /** 0: none. */
  entryLimit: number;
}

export interface RandomSettings {
  /** `dev:/path`, `egd:/path`, a path, or empty. */
  source: string;
  /** Empty: no exchange file. */
  exchangeName: string;
  /** Bytes read from the source at each reseed. */
  bytes: number;
  reseedPeriodSeconds: number;
  updatePeriodSeconds: number;
  /** Path of a socket that serves the EGD protocol to others; empty: none. */
  egdListen: string;
}

export interface LogSettings {
  /** What stands before `/tlsmgr` in the tag. */
  syslogName: string;
  /** One of the names of syslog_facility. */
  syslogFacility: string;
  /** Not empty: log through postlogd instead of syslog. */
  maillogFile: string;
  /** Path of postlogd's socket, from outside the chroot. */
  postlogSocket: string;
  hostname: string;
  /** smtputf8_enable: whether valid UTF-8 stays as it is in the log. */
  keepUtf8: boolean;
}

export interface LimitSettings {
  /** Longest request, in bytes. */
  requestSizeBytes: number;
  /** Longest time a client may take to finish a request, or to read replies, in seconds. */
  requestTimeSeconds: number;
  /** At one time. */
  connections: number;
}

export interface ParameterFault {
  name: string;
  /** What is wrong, in Postfix's words. */
  message: string;
  /** The same with what is allowed and what is used. */
  text: string;
}

export interface Config {
  /** The directory in use: of main.cf. */
  configDirectory: string;
  queueDirectory: string;
  dataDirectory: string;
  daemonDirectory: string;
  mailOwner: MailOwner;
  serviceName: string;
  defaultDatabaseType: string;
  daemonTimeoutSeconds: number;
  /** False for clients of Postfix 3.4 and 3.5, which wait for no announcement. */
  announce: boolean;
  /** In the order of reports. */
  caches: ReadonlyMap<CacheName, CacheSettings>;
  /** Whether cache files are read back at start instead of truncated. */
  persistentCaches: boolean;
  /** Path of the file with the keys that encrypt cache files; empty: none. */
  cacheKeyFile: string;
  /**
   * Databases that main.cf and master.cf name besides, for other services;
   * undefined when they aren't known.
   */
  otherDatabases: readonly string[] | undefined;
  random: RandomSettings;
  log: LogSettings;
  limits: LimitSettings;
  /** Where metrics and the page are served; undefined: nowhere. */
  metricsListen: ListenAddress | undefined;
  /** Of our own parameters: each has its default instead. */
  faults: readonly ParameterFault[];
  /** Every parameter's expanded text, as `postconf -x` prints it, in the table's order. */
  text: ReadonlyMap<string, string>;
  /** Before `text`, in a process that serves: nothing else waits for postconf(1) then. */
  prepareText: () => Promise<void>;
}
