/**
 * The settings of one tlsmgr, resolved and checked: what the other parts read.
 * load.ts makes one from main.cf and `-o` overrides. Members that are values of
 * parameters have their type from the table's rows.
 */
import type { CacheName } from './cache-names.ts';
import type { ValuesOf } from './parameter.ts';
import type { topRows } from './parameters.ts';
import type { CacheRows } from './parameters/caches.ts';
import type { logRows } from './parameters/common.ts';
import type { randomRows } from './parameters/random.ts';
import type { limitRows } from './parameters/service.ts';

export interface MailOwner {
  name: string;
  uid: number;
  gid: number;
}

/** lifetimeSeconds: 0 switches the cache off; 1 to 119 are already raised to 120. */
export type CacheSettings = Omit<ValuesOf<CacheRows>, 'logLevel'> & {
  label: CacheName;
  /** Whether the cache's loglevel asks for a log line per operation. */
  logOperations: boolean;
};

export type RandomSettings = ValuesOf<typeof randomRows>;

export type LogSettings = ValuesOf<typeof logRows> & {
  /** Path of postlogd's socket, from outside the chroot. */
  postlogSocket: string;
};

export type LimitSettings = ValuesOf<typeof limitRows>;

export interface ParameterFault {
  name: string;
  /** What is wrong, in Postfix's words. */
  message: string;
  /** The same with what is allowed and what is used. */
  text: string;
}

export interface Config extends ValuesOf<typeof topRows> {
  /** The directory in use: of main.cf. */
  configDirectory: string;
  mailOwner: MailOwner;
  serviceName: string;
  /** In the order of reports. */
  caches: ReadonlyMap<CacheName, CacheSettings>;
  /**
   * Databases that main.cf and master.cf name besides, for other services;
   * undefined when they aren't known.
   */
  otherDatabases: readonly string[] | undefined;
  random: RandomSettings;
  log: LogSettings;
  limits: LimitSettings;
  /** Of our own parameters: each has its default instead. */
  faults: readonly ParameterFault[];
  /** Every parameter's expanded text, as `postconf -x` prints it, in the table's order. */
  text: ReadonlyMap<string, string>;
  /** Before `text`, in a process that serves: nothing else waits for postconf(1) then. */
  prepareText: () => Promise<void>;
}
