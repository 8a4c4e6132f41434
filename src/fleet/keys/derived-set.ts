/**
 * Ticket keys that are derived from the secrets of the fleet: one a secret and period,
 * the same on all hosts, without any exchange. The first secret's key seals. Keys of
 * n - 2 (for 300 s), n - 1, n and n + 1 open, of each secret. They are derived when
 * somebody asks, and overwritten when their time is over.
 */
import { TlsmgrError } from '../../errors.ts';
import type { Clock } from '../../system/clock.ts';
import type { Seals } from '../seals.ts';
import { fieldOf, ticketKeyFrom } from './known-key.ts';
import type { Periods } from './periods.ts';

export interface DerivedKey {
  /** 88 bytes (tickets/ticket-key.ts). The expiry is set anew for each answer. */
  readonly bytes: Buffer;
  /** Its name in base64url. */
  readonly field: string;
  readonly period: number;
}

interface HeldPeriod {
  /** One a secret, that of the first secret first. */
  readonly keys: readonly DerivedKey[];
  /** On the monotonic clock. */
  readonly untilMs: number;
}

export interface DerivedSetOptions {
  readonly periods: Periods;
  readonly keySet: string;
  readonly seals: Seals;
  readonly clock: Clock;
}

export class DerivedSet {
  readonly #options: DerivedSetOptions;
  readonly #held = new Map<number, HeldPeriod>();

  constructor(options: DerivedSetOptions) {
    this.#options = options;
  }

  /** The key that seals now. Throws TlsmgrError `GENERATOR` if it would be weak. */
  sealing(): DerivedKey {
    return this.#keysOf(this.#period)[0]!;
  }

  /** The key of the name, while it opens tickets. @param field the name in base64url. */
  named(field: string): DerivedKey | undefined {
    return this.opening().find((key) => key.field === field);
  }

  /** All keys that open tickets, the one that seals first. */
  opening(): DerivedKey[] {
    const { clock, periods } = this.#options;
    const now = clock.nowSeconds();
    const period = this.#period;
    return [period, period + 1, period - 1, period - 2]
      .filter((m) => m >= 0 && now < periods.openUntil(m))
      .flatMap((m) => this.#keysOf(m));
  }

  /** Until turn() has something to do, in seconds; Infinity while no key is held. */
  get nextChangeSeconds(): number {
    const { clock, periods } = this.#options;
    const now = clock.nowSeconds();
    const nowMs = clock.monotonicMs();
    return Math.min(
      ...[...this.#held].map(([period, { untilMs }]) =>
        Math.min(periods.openUntil(period) - now, (untilMs - nowMs) / 1000),
      ),
    );
  }

  /** Overwrites keys that don't open tickets now. A clock that was set back keeps none. */
  turn(): void {
    const { clock, periods } = this.#options;
    const now = clock.nowSeconds();
    const nowMs = clock.monotonicMs();
    for (const [period, held] of this.#held) {
      const isOver = now >= periods.openUntil(period) || nowMs >= held.untilMs;
      if (isOver || period > this.#period + 1) {
        wipeKeys(held.keys);
        this.#held.delete(period);
      }
    }
  }

  /** Overwrites all keys that are held. */
  wipe(): void {
    for (const { keys } of this.#held.values()) {
      wipeKeys(keys);
    }
    this.#held.clear();
  }

  get #period(): number {
    return this.#options.periods.at(this.#options.clock.nowSeconds());
  }

  #keysOf(period: number): readonly DerivedKey[] {
    const held = this.#held.get(period);
    if (held !== undefined) {
      return held.keys;
    }
    const { clock, keySet, periods, seals } = this.#options;
    const keys: DerivedKey[] = [];
    for (const secret of seals.derivedKeys(keySet, periods.seconds, period)) {
      const bytes = ticketKeyFrom(secret);
      if (bytes !== undefined) {
        keys.push({ bytes, field: fieldOf(bytes), period });
      }
    }
    if (keys.length < seals.secrets) {
      wipeKeys(keys);
      throw new TlsmgrError('GENERATOR', 'a derived ticket key is weak');
    }
    const opensForSeconds = periods.openUntil(period) - clock.nowSeconds();
    this.#held.set(period, { keys, untilMs: clock.monotonicMs() + opensForSeconds * 1000 });
    return keys;
  }
}

function wipeKeys(keys: readonly DerivedKey[]): void {
  for (const { bytes } of keys) {
    bytes.fill(0);
  }
}
