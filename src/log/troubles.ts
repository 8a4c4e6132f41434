/**
 * Counts the warnings and errors that were logged, since the start and in the
 * last hour, and keeps the last one. `tlsmgr status` shows them. The space is
 * fixed: one count for each of the last sixty minutes.
 */
import type { Clock } from '../system/clock.ts';
import type { Severity } from './logger.ts';

const minutes = 60;

export interface TroubleReport {
  /** Since the start. */
  warnings: number;
  /** Since the start; fatal ends the process and counts nowhere. */
  errors: number;
  /** To the minute. */
  lastHour: { warnings: number; errors: number };
  /** The last line; null when there was none. */
  last: { severity: 'warning' | 'error'; text: string; ageSeconds: number } | null;
}

interface Minute {
  /** Which minute since the clock's origin. */
  number: number;
  warnings: number;
  errors: number;
}

export class Troubles {
  readonly #clock: Clock;
  readonly #ring: Minute[] = Array.from({ length: minutes }, () => {
    return { number: -1, warnings: 0, errors: 0 };
  });
  #warnings = 0;
  #errors = 0;
  #last: { severity: 'warning' | 'error'; text: string; atMs: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param text as it was logged: printable. */
  note(severity: Severity, text: string): void {
    if (severity !== 'warning' && severity !== 'error') {
      return;
    }
    const atMs = this.#clock.monotonicMs();
    const minute = this.#minuteAt(atMs);
    if (severity === 'warning') {
      minute.warnings += 1;
      this.#warnings += 1;
    } else {
      minute.errors += 1;
      this.#errors += 1;
    }
    this.#last = { severity, text, atMs };
  }

  report(): TroubleReport {
    const nowMs = this.#clock.monotonicMs();
    const oldest = numberOf(nowMs) - minutes;
    const recent = this.#ring.filter(({ number }) => number > oldest);
    return {
      warnings: this.#warnings,
      errors: this.#errors,
      lastHour: {
        warnings: recent.reduce((sum, minute) => sum + minute.warnings, 0),
        errors: recent.reduce((sum, minute) => sum + minute.errors, 0),
      },
      last:
        this.#last === undefined
          ? null
          : {
              severity: this.#last.severity,
              text: this.#last.text,
              ageSeconds: Math.floor((nowMs - this.#last.atMs) / 1000),
            },
    };
  }

  #minuteAt(ms: number): Minute {
    const number = numberOf(ms);
    const minute = this.#ring[number % minutes]!;
    if (minute.number !== number) {
      minute.number = number;
      minute.warnings = minute.errors = 0;
    }
    return minute;
  }
}

function numberOf(ms: number): number {
  return Math.floor(ms / 60_000);
}
