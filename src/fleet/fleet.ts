/**
 * What makes this host one of a fleet, put together: secrets, engine, ticket
 * keys, sessions and heartbeats. They know each other by their interfaces only.
 * A fleet is in one of these states:
 *
 *     open      files are read and the library is loaded; nothing is sent yet
 *     serving   the engine is connected to, and keys are exchanged
 *     closed    for good
 *
 * When a file of the fleet can't be used, what depends on it is left out, and the
 * log and the report say so. Mail goes on with this host's own keys and sessions.
 */
import { serverCacheName } from '../config/cache-names.ts';
import type { Config } from '../config/config.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import type { RandomPool } from '../prng/random.ts';
import type { Clock } from '../system/clock.ts';
import { after } from '../system/timers.ts';
import type { ShareCache } from '../sessions/open-cache.ts';
import type { KeySource } from '../tickets/key-source.ts';
import { engineFault, type EngineSettings, readEngineFile } from './engine/engine-file.ts';
import type { Engine } from './engine/engine.ts';
import { openEngine } from './engine/open-engine.ts';
import { gatherFacts, opensslVersion, sharedLifetimes } from './facts.ts';
import { Heartbeats } from './heartbeat.ts';
import { DerivedKeys } from './keys/derived-keys.ts';
import { SharedKeys } from './keys/shared-keys.ts';
import type { FleetReport } from './report.ts';
import { sealsOf } from './sealing.ts';
import type { Seals } from './seals.ts';
import { readFleetSecrets } from './secret-file.ts';
import { SessionSharing } from './sessions/sharing.ts';

export interface FleetDependencies {
  log: Logger;
  clock: Clock;
}

interface OpenEngine {
  settings: EngineSettings;
  engine: Engine;
}

export class Fleet {
  /** Why what main.cf asks for isn't in use; empty when it is. */
  readonly fault: string;
  readonly #config: Config;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #seals: Seals | undefined;
  readonly #opened: OpenEngine | undefined;
  readonly #sharing: SessionSharing | undefined;
  readonly #heartbeats: Heartbeats | undefined;
  #keys: SharedKeys | DerivedKeys | undefined;
  #state: 'open' | 'serving' | 'closed' = 'open';

  /**
   * Reads the files and loads the library. Call it as root, before the chroot. Logs
   * what can't be used, and never rejects for it.
   */
  static async open(config: Config, dependencies: FleetDependencies): Promise<Fleet> {
    const { secretFile, engine: wanted, engineText } = config.fleet;
    let seals: Seals | undefined;
    let opened: OpenEngine | undefined;
    let fault = '';
    try {
      seals = sealsOf(readFleetSecrets(secretFile));
    } catch (thrown) {
      fault = messageOf(thrown);
    }
    if (wanted !== undefined && seals !== undefined) {
      try {
        const settings = readEngineFile(wanted.file);
        opened = { settings, engine: await openEngine(settings, dependencies) };
      } catch (thrown) {
        fault = `tlsmgr_fleet_engine = ${engineText}${engineFault(engineText, messageOf(thrown))}`;
      }
    }
    const fleet = new Fleet(config, dependencies, seals, opened, fault);
    if (fault !== '') {
      dependencies.log.error(`fleet: ${fault}: ${fleet.#leftOut()}`);
    }
    return fleet;
  }

  private constructor(
    config: Config,
    { log, clock }: FleetDependencies,
    seals: Seals | undefined,
    opened: OpenEngine | undefined,
    fault: string,
  ) {
    this.#config = config;
    this.#log = log;
    this.#clock = clock;
    this.#seals = seals;
    this.#opened = opened;
    this.fault = fault;
    if (seals === undefined || opened === undefined) {
      return;
    }
    const { engine, settings } = opened;
    const { caches, host, sharesTls13 } = config.fleet;
    this.#sharing = new SessionSharing({
      engine,
      seals,
      clock,
      log,
      caches,
      sharesTls13,
      nearSizeLimit: settings.nearSizeLimit,
      queueSizeLimit: settings.queueSizeLimit,
      schedule: after,
    });

    this.#heartbeats = new Heartbeats({
      engine,
      seals,
      host,
      facts: gatherFacts(config),
      clock,
      after,
      random: Math.random,
      log,
    });
    void this.#tellOpenssl();
  }

  /** What to put around a cache that is opened; undefined when no session is shared. */
  get share(): ShareCache | undefined {
    return this.#sharing?.share;
  }

  /**
   * The source of ticket keys. Call it once at most, before start().
   * @returns undefined: this host's own keys are to be used.
   */
  keySource(pool: RandomPool): KeySource | undefined {
    const { ticketKeys, keySet, host } = this.#config.fleet;
    const seals = this.#seals;
    if (ticketKeys === 'local' || seals === undefined) {
      return undefined;
    }
    const { lifetimeSeconds } = this.#config.caches.get(serverCacheName)!;
    const common = { lifetimeSeconds, keySet, seals, clock: this.#clock, after, log: this.#log };
    if (ticketKeys === 'derived' || (this.#opened === undefined && ticketKeys !== 'shared')) {
      this.#keys = new DerivedKeys(common);
    } else if (this.#opened !== undefined) {
      this.#keys = new SharedKeys({
        ...common,
        host,
        derivedFallback: ticketKeys === 'shared, derived',
        engine: this.#opened.engine,
        pool,
        random: Math.random,
        readLimitMs: this.#opened.settings.readLimitMs,
      });
    }
    return this.#keys;
  }

  /** Connects to the engine. Call it when the process serves. */
  start(): void {
    if (this.#state !== 'open') {
      return;
    }
    this.#state = 'serving';
    if (this.#keys instanceof SharedKeys) {
      this.#keys.start();
    }
    this.#heartbeats?.start();
    this.#opened?.engine.start();
  }

  /** Tells the other hosts of other lifetimes. All else of a fleet changes at the next start. */
  change({ caches }: Pick<Config, 'caches'>): void {
    this.#heartbeats?.change({ lifetimes: sharedLifetimes({ fleet: this.#config.fleet, caches }) });
  }

  report(): FleetReport {
    const { host, keySet } = this.#config.fleet;
    return {
      host,
      keySet,
      fault: this.fault,
      keys: this.#keys?.report() ?? null,
      engine: this.#opened?.engine.report() ?? null,
      caches: this.#sharing?.reports() ?? {},
      ...(this.#heartbeats?.report() ?? noHeartbeats),
    };
  }

  /** Synchronous, as the process is ending. The ticket keys are wiped by whoever has them. */
  closeNow(): void {
    this.#state = 'closed';
    this.#heartbeats?.stop();
    this.#opened?.engine.closeNow();
    this.#seals?.wipe();
  }

  /** Called before the chroot: postconf(1) is started at once, and can't be later. */
  async #tellOpenssl(): Promise<void> {
    const openssl = await opensslVersion(this.#config.configDirectory);
    if (openssl !== undefined) {
      this.#heartbeats?.change({ openssl });
    }
  }

  #leftOut(): string {
    const { ticketKeys } = this.#config.fleet;
    if (this.#seals !== undefined && ticketKeys.includes('derived')) {
      return 'no session is shared, and ticket keys are derived';
    }
    const keys = ticketKeys === 'local' ? '' : ' and ticket keys';
    return `this host has sessions${keys} of its own. Mend it (tlsmgr check), then start again or run postfix reload`;
  }
}

const noHeartbeats = {
  hosts: [],
  hostCounts: { seen: 0, away: 0, differing: 0 },
  clockDifferenceMs: null,
  warnings: [],
};
