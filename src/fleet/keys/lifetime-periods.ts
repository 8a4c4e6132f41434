/**
 * The periods that go with smtpd's session lifetime, and what serves keys of them.
 * A period is half of the lifetime. The periods of the start stay until the process
 * ends, as keys belong to their periods. With a lifetime of 0 no tickets are given
 * out, and nothing serves.
 */
import { TlsmgrError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import type { KeySourceState } from '../../tickets/key-source.ts';
import type { FleetKeysReport } from '../report.ts';
import { Periods } from './periods.ts';

type PeriodReport = Pick<FleetKeysReport, 'periodSeconds' | 'period' | 'periodEndsInSeconds'>;

export interface LifetimePeriodsOptions<Serving> {
  readonly log: Logger;
  /** Makes what serves. */
  readonly begin: (periods: Periods) => Serving;
  /** Overwrites all that it knows. */
  readonly end: (serving: Serving) => void;
}

export class LifetimePeriods<Serving> {
  readonly #options: LifetimePeriodsOptions<Serving>;
  #state: KeySourceState = 'off';
  #serving: Serving | undefined;
  #periods: Periods | undefined;
  #toldSeconds: number | undefined;

  constructor(options: LifetimePeriodsOptions<Serving>) {
    this.#options = options;
  }

  get state(): KeySourceState {
    return this.#state;
  }

  /** While the state is `serving`. */
  get serving(): Serving | undefined {
    return this.#serving;
  }

  /** Throws TlsmgrError while nothing serves. */
  needed(): Serving {
    if (this.#serving === undefined) {
      throw new TlsmgrError('CLOSED', 'no ticket keys are given out');
    }
    return this.#serving;
  }

  /** The period now, as a report has it: zeros while there is none. */
  report(nowSeconds: number): PeriodReport {
    const periods = this.#periods;
    const period = periods?.at(nowSeconds) ?? 0;
    return {
      periodSeconds: periods?.seconds ?? 0,
      period,
      periodEndsInSeconds: periods === undefined ? 0 : periods.end(period) - nowSeconds,
    };
  }

  change(lifetimeSeconds: number): void {
    if (this.#state === 'closed') {
      return;
    }
    if (lifetimeSeconds <= 0) {
      this.#end('off');
      return;
    }
    const periods = this.#periodsOf(lifetimeSeconds);
    if (this.#state === 'off') {
      this.#state = 'serving';
      this.#serving = this.#options.begin(periods);
    }
  }

  /** For good. */
  close(): void {
    this.#end('closed');
  }

  #end(state: 'off' | 'closed'): void {
    const serving = this.#serving;
    this.#state = state;
    this.#serving = undefined;
    if (serving !== undefined) {
      this.#options.end(serving);
    }
  }

  #periodsOf(lifetimeSeconds: number): Periods {
    const seconds = Math.max(1, Math.floor(lifetimeSeconds / 2));
    this.#periods ??= new Periods(seconds);
    if (seconds !== this.#periods.seconds && lifetimeSeconds !== this.#toldSeconds) {
      this.#options.log.warning(
        `fleet: smtpd_tls_session_cache_timeout = ${lifetimeSeconds}s takes effect for shared ticket keys at the next start: until then their period is ${this.#periods.seconds}s`,
      );
    }
    this.#toldSeconds = lifetimeSeconds;
    return this.#periods;
  }
}
