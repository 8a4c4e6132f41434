/**
 * Ticket keys that each host derives from the secret of the fleet (derived-set.ts), so
 * that hosts share them without an engine. Whoever has ever had the secret can open
 * all tickets that were sealed with it.
 */
import type { Logger } from '../../log/logger.ts';
import type { Clock } from '../../system/clock.ts';
import type { Timer } from '../../system/timers.ts';
import type {
  KeyDescription,
  KeySource,
  KeySourceState,
  SourceKey,
} from '../../tickets/key-source.ts';
import type { FleetKeysReport } from '../report.ts';
import type { Seals } from '../seals.ts';
import { DerivedSet } from './derived-set.ts';
import { KeyAnswers } from './key-answers.ts';
import { fieldOf } from './known-key.ts';
import { LifetimePeriods } from './lifetime-periods.ts';
import type { Periods } from './periods.ts';

export interface DerivedKeysOptions {
  /** smtpd_tls_session_cache_timeout; 0: no tickets. */
  readonly lifetimeSeconds: number;
  readonly keySet: string;
  readonly seals: Seals;
  readonly clock: Clock;
  readonly after: (seconds: number, task: () => void) => Timer;
  readonly log: Logger;
}

interface Serving {
  readonly periods: Periods;
  readonly answers: KeyAnswers;
}

export class DerivedKeys implements KeySource {
  readonly #options: DerivedKeysOptions;
  readonly #lifetime: LifetimePeriods<Serving>;
  #turning: Timer | undefined;

  constructor(options: DerivedKeysOptions) {
    this.#options = options;
    this.#lifetime = new LifetimePeriods({
      log: options.log,
      begin: (periods) => this.#begin(periods),
      end: (serving) => this.#end(serving),
    });
    this.changeLifetime(options.lifetimeSeconds);
  }

  get state(): KeySourceState {
    return this.#lifetime.state;
  }

  current(): Buffer {
    return this.#needed().current();
  }

  named(names: Buffer, start: number): Buffer | undefined {
    return this.#answers()?.named(fieldOf(names.subarray(start)));
  }

  keys(): SourceKey[] {
    return this.#needed().keys();
  }

  describe(): KeyDescription[] {
    return this.#answers()?.describe() ?? [];
  }

  changeLifetime(lifetimeSeconds: number): void {
    this.#lifetime.change(lifetimeSeconds);
  }

  wipe(): void {
    this.#lifetime.close();
  }

  report(): FleetKeysReport {
    const known = this.describe().length;
    const { state } = this;
    return {
      source: 'derived',
      state: state === 'serving' ? 'sharing' : state,
      ...this.#lifetime.report(this.#options.clock.nowSeconds()),
      known,
      confirmed: known,
      exchangedBeforeSeconds: null,
      counts: { exchanges: 0, failedExchanges: 0, made: 0, putBack: 0, notOpened: 0 },
    };
  }

  #begin(periods: Periods): Serving {
    const { clock, keySet, seals } = this.#options;
    const derived = new DerivedSet({ periods, keySet, seals, clock });
    return { periods, answers: new KeyAnswers({ periods, clock, derived, rules: undefined }) };
  }

  #end({ answers }: Serving): void {
    this.#turning?.cancel();
    this.#turning = undefined;
    answers.wipe();
  }

  /** Throws when no keys are given out. */
  #needed(): KeyAnswers {
    return this.#used(this.#lifetime.needed());
  }

  #answers(): KeyAnswers | undefined {
    const { serving } = this.#lifetime;
    return serving && this.#used(serving);
  }

  #used(serving: Serving): KeyAnswers {
    this.#turning ??= this.#arm(serving);
    return serving.answers;
  }

  /** Keys are derived when somebody asks, and overwritten when their time is over. */
  #arm({ answers, periods }: Serving): Timer {
    const untilEnd = periods.untilNextEnd(this.#options.clock.nowSeconds());
    const seconds = Math.max(1, Math.min(untilEnd, answers.nextChangeSeconds));
    return this.#options.after(seconds, () => {
      this.#turning = undefined;
      answers.turn();
      if (Number.isFinite(answers.nextChangeSeconds)) {
        this.#turning = this.#arm({ answers, periods });
      }
    });
  }
}
