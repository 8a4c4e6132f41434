/**
 * The periods that go with smtpd's session lifetime. A period is half of it. The
 * periods of the start stay until the process ends, as keys belong to their periods.
 */
import type { Logger } from '../../log/logger.ts';
import type { FleetKeysReport } from '../report.ts';
import { Periods } from './periods.ts';

type PeriodReport = Pick<FleetKeysReport, 'periodSeconds' | 'period' | 'periodEndsInSeconds'>;

export class LifetimePeriods {
  readonly #log: Logger;
  #periods: Periods | undefined;
  #toldSeconds: number | undefined;

  constructor(log: Logger) {
    this.#log = log;
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

  /** @returns undefined when no tickets are given out: the lifetime is 0. */
  change(lifetimeSeconds: number): Periods | undefined {
    if (lifetimeSeconds <= 0) {
      return undefined;
    }
    const seconds = Math.max(1, Math.floor(lifetimeSeconds / 2));
    this.#periods ??= new Periods(seconds);
    if (seconds !== this.#periods.seconds && lifetimeSeconds !== this.#toldSeconds) {
      this.#log.warning(
        `fleet: smtpd_tls_session_cache_timeout = ${lifetimeSeconds}s takes effect for shared ticket keys at the next start: until then their period is ${this.#periods.seconds}s`,
      );
    }
    this.#toldSeconds = lifetimeSeconds;
    return this.#periods;
  }
}
