/** What shared ticket keys are made of. */
import type { Logger } from '../../log/logger.ts';
import type { RandomPool } from '../../prng/random.ts';
import type { Clock } from '../../system/clock.ts';
import type { Timer } from '../../system/timers.ts';
import type { Engine } from '../engine/engine.ts';
import type { Seals } from '../seals.ts';

export interface SharedKeysOptions {
  /** smtpd_tls_session_cache_timeout; 0: no tickets. */
  readonly lifetimeSeconds: number;
  /** tlsmgr_fleet_key_set. */
  readonly keySet: string;
  /** This host's name in the fleet. */
  readonly host: string;
  /** Derived keys seal while no shared key is confirmed. */
  readonly derivedFallback: boolean;
  readonly engine: Engine;
  readonly seals: Seals;
  readonly pool: RandomPool;
  readonly clock: Clock;
  readonly after: (seconds: number, task: () => void) => Timer;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** The longest that a request waits. */
  readonly readLimitMs: number;
  /** Reads for unknown names, a second; 5 if not given. */
  readonly demandReads?: number;
}
