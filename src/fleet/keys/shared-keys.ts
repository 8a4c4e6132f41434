/**
 * Ticket keys that hosts share through the engine. key-rules.ts has the rules,
 * key-exchange.ts talks with the engine, and key-answers.ts gives keys out.
 *
 * Requests are answered at once from what is held, with two exceptions. Before the
 * engine has been read for the first time, a request waits for that. And for a key
 * with an unknown name the engine is read once more. Both wait for the read limit at most.
 */
import { TlsmgrError } from '../../errors.ts';
import type { MaybeLater } from '../../system/later.ts';
import type {
  KeyDescription,
  KeySource,
  KeySourceState,
  SourceKey,
} from '../../tickets/key-source.ts';
import type { FleetKeysReport, SharedKeysState } from '../report.ts';
import type { KeyRules } from './key-rules.ts';
import { LifetimePeriods } from './lifetime-periods.ts';
import { ServingKeys } from './serving-keys.ts';
import type { SharedKeysOptions } from './shared-keys-options.ts';
import { UnopenedValues } from './unopened-values.ts';

export class SharedKeys implements KeySource {
  readonly #options: SharedKeysOptions;
  readonly #lifetime: LifetimePeriods;
  readonly #unopened: UnopenedValues;
  readonly #counts = { exchanges: 0, failedExchanges: 0, made: 0, putBack: 0, notOpened: 0 };
  #state: KeySourceState = 'off';
  /** While the state is `serving`. */
  #serving: ServingKeys | undefined;
  #isStarted = false;

  constructor(options: SharedKeysOptions) {
    this.#options = options;
    this.#lifetime = new LifetimePeriods(options.log);
    this.#unopened = new UnopenedValues(options.log, options.clock);
    this.changeLifetime(options.lifetimeSeconds);
  }

  get state(): KeySourceState {
    return this.#state;
  }

  get fleetState(): SharedKeysState {
    return this.#state === 'serving' ? this.#serving!.state : this.#state;
  }

  /** What this host knows; undefined while no tickets are given out. */
  get rules(): KeyRules | undefined {
    return this.#serving?.rules;
  }

  /** This host's clock less the engine's, milliseconds; null: not known. */
  get clockDifferenceMs(): number | null {
    return this.#serving?.exchange.clockDifferenceMs ?? null;
  }

  /** Begins to exchange keys. Called once, when the process serves. */
  start(): void {
    const { engine } = this.#options;
    this.#isStarted = true;
    let wasUp = engine.connection === 'up';
    engine.onChange(() => {
      const isUp = engine.connection === 'up';
      if (isUp && !wasUp) {
        this.#serving?.exchange.engineIsUp();
      }
      wasUp = isUp;
    });
    this.#serving?.start();
  }

  current(): MaybeLater<Buffer> {
    return this.#needed().current();
  }

  named(names: Buffer, start: number): MaybeLater<Buffer | undefined> {
    return this.#serving?.named(names, start);
  }

  keys(): MaybeLater<SourceKey[]> {
    return this.#needed().keys();
  }

  describe(): KeyDescription[] {
    return this.#serving?.describe() ?? [];
  }

  /** The periods stay those of the start. */
  changeLifetime(lifetimeSeconds: number): void {
    if (this.#state === 'closed') {
      return;
    }
    const periods = this.#lifetime.change(lifetimeSeconds);
    if (periods === undefined) {
      this.#forget('off');
    } else if (this.#state === 'off') {
      this.#state = 'serving';
      this.#serving = new ServingKeys(this.#options, periods, this.#counts, this.#unopened);
      if (this.#isStarted) {
        this.#serving.start();
      }
    }
  }

  wipe(): void {
    this.#forget('closed');
  }

  report(): FleetKeysReport {
    const { clock, derivedFallback } = this.#options;
    const known = this.#serving?.rules.opening() ?? [];
    const readAtMs = this.#serving?.exchange.readAtMs;
    return {
      source: derivedFallback ? 'shared, derived' : 'shared',
      state: this.fleetState,
      ...this.#lifetime.report(clock.nowSeconds()),
      known: known.length,
      confirmed: known.filter(({ confirmed }) => confirmed).length,
      exchangedBeforeSeconds:
        readAtMs === undefined ? null : Math.floor((clock.monotonicMs() - readAtMs) / 1000),
      counts: {
        ...this.#counts,
        made: this.#counts.made + (this.#serving?.rules.made ?? 0),
        notOpened: this.#unopened.count,
      },
    };
  }

  #needed(): ServingKeys {
    if (this.#serving === undefined) {
      throw new TlsmgrError('CLOSED', 'no ticket keys are given out');
    }
    return this.#serving;
  }

  #forget(state: 'off' | 'closed'): void {
    this.#state = state;
    this.#counts.made += this.#serving?.rules.made ?? 0;
    this.#serving?.stop();
    this.#serving = undefined;
  }
}
