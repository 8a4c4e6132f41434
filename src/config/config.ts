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
import type { fleetRows } from './parameters/fleet.ts';
import type { randomRows } from './parameters/random.ts';
import type { limitRows } from './parameters/service.ts';

export interface MailOwner {
  name: string;
  uid: number;
  gid: number;
}

/** Its lifetimeSeconds is 0 for a cache that is off; 1 to 119 have been raised to 120. */
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

/** What fits together (fleet-settings.ts); what doesn't has its default. */
export type FleetSettings = ValuesOf<typeof fleetRows> & {
  /** As main.cf has it: `redis:FILE`; empty for none. */
  engineText: string;
  /** Whether TLS 1.3 sessions of smtpd(8) are ever looked up: only where it gives no tickets. */
  sharesTls13: boolean;
};

export interface ParameterFault {
  name: string;
  /** What is wrong, as Postfix says it. */
  message: string;
  /** The message, what the parameter takes, and which default is used. */
  text: string;
}

export interface Config extends ValuesOf<typeof topRows> {
  /** The directory of the main.cf in use. */
  configDirectory: string;
  mailOwner: MailOwner;
  serviceName: string;
  /** In the order of reports. */
  caches: ReadonlyMap<CacheName, CacheSettings>;
  /**
   * All databases of caches that main.cf and master.cf name, those of other
   * services included; undefined when they aren't known.
   */
  otherDatabases: readonly string[] | undefined;
  random: RandomSettings;
  log: LogSettings;
  limits: LimitSettings;
  fleet: FleetSettings;
  /** Faults of our own parameters, each of which has got its default. */
  faults: readonly ParameterFault[];
  /** Every parameter's expanded text, as `postconf -x` prints it, in the table's order. */
  text: ReadonlyMap<string, string>;
  /** A process that serves calls it before it reads `text`, and serves on while postconf(1) runs. */
  prepareText: () => Promise<void>;
}
