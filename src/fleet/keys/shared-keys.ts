/**
 * Ticket keys that hosts share through the engine. key-rules.ts has the rules,
 * key-exchange.ts talks with the engine, and key-answers.ts gives keys out.
 *
 * Requests are answered at once from what is held, with two exceptions. Before the
 * engine has been read for the first time, a request waits for that. And for a key
 * with an unknown name the engine is read once more. Both wait for the read limit at most.
 */
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
import type { Periods } from './periods.ts';
import { ServingKeys } from './serving-keys.ts';
import type { SharedKeysOptions } from './shared-keys-options.ts';
import { UnopenedValues } from './unopened-values.ts';

export class SharedKeys implements KeySource {
  readonly #options: SharedKeysOptions;
  readonly #lifetime: LifetimePeriods<ServingKeys>;
  readonly #unopened: UnopenedValues;
  readonly #counts = { exchanges: 0, failedExchanges: 0, made: 0, putBack: 0, notOpened: 0 };
  #isStarted = false;

  constructor(options: SharedKeysOptions) {
    this.#options = options;
    this.#unopened = new UnopenedValues(options.log, options.clock);
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

  get fleetState(): SharedKeysState {
    const { serving, state } = this.#lifetime;
    return state === 'serving' ? serving!.state : state;
  }

  /** What this host knows; undefined while no tickets are given out. */
  get rules(): KeyRules | undefined {
    return this.#lifetime.serving?.rules;
  }

  /** This host's clock less the engine's, milliseconds; null: not known. */
  get clockDifferenceMs(): number | null {
    return this.#lifetime.serving?.exchange.clockDifferenceMs ?? null;
  }

  /** Begins to exchange keys. Called once, when the process serves. */
  start(): void {
    const { engine } = this.#options;
    this.#isStarted = true;
    let wasUp = engine.connection === 'up';
    engine.onChange(() => {
      const isUp = engine.connection === 'up';
      if (isUp && !wasUp) {
        this.#lifetime.serving?.exchange.engineIsUp();
      }
      wasUp = isUp;
    });
    this.#lifetime.serving?.start();
  }

  current(): MaybeLater<Buffer> {
    return this.#lifetime.needed().current();
  }

  named(names: Buffer, start: number): MaybeLater<Buffer | undefined> {
    return this.#lifetime.serving?.named(names, start);
  }

  keys(): MaybeLater<SourceKey[]> {
    return this.#lifetime.needed().keys();
  }

  describe(): KeyDescription[] {
    return this.#lifetime.serving?.describe() ?? [];
  }

  /** The periods stay those of the start. */
  changeLifetime(lifetimeSeconds: number): void {
    this.#lifetime.change(lifetimeSeconds);
  }

  wipe(): void {
    this.#lifetime.close();
  }

  report(): FleetKeysReport {
    const { clock, derivedFallback } = this.#options;
    const known = this.#lifetime.serving?.rules.opening() ?? [];
    const readAtMs = this.#lifetime.serving?.exchange.readAtMs;
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
        made: this.#counts.made + (this.#lifetime.serving?.rules.made ?? 0),
        notOpened: this.#unopened.count,
      },
    };
  }

  #begin(periods: Periods): ServingKeys {
    const serving = new ServingKeys(this.#options, periods, this.#counts, this.#unopened);
    if (this.#isStarted) {
      serving.start();
    }
    return serving;
  }

  #end(serving: ServingKeys): void {
    this.#counts.made += serving.rules.made;
    serving.stop();
  }
}
