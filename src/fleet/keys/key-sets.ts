/**
 * The keys that this host holds: a set a period, as any host may make one. A key is
 * overwritten when it opens no more tickets. The wall clock and the monotonic clock
 * both end its life, so a clock that is set back can't stretch it.
 */
import type { Clock } from '../../system/clock.ts';
import {
  compareNames,
  continuationOf,
  fieldOf,
  type KeyOrigin,
  type KnownKey,
} from './known-key.ts';
import type { Periods } from './periods.ts';

export class KeySets {
  readonly periods: Periods;
  readonly #clock: Clock;
  readonly #sets = new Map<number, Map<string, KnownKey>>();

  constructor(periods: Periods, clock: Clock) {
    this.periods = periods;
    this.#clock = clock;
  }

  /** The keys of a period, in the order in which they became known. */
  of(period: number): KnownKey[] {
    return [...(this.#sets.get(period)?.values() ?? [])];
  }

  all(): KnownKey[] {
    return [...this.#sets.values()].flatMap((set) => [...set.values()]);
  }

  /** @param field its name in base64url. */
  get(period: number, field: string): KnownKey | undefined {
    return this.#sets.get(period)?.get(field);
  }

  hasRandom(period: number): boolean {
    return this.of(period).some(isRandom);
  }

  hasConfirmed(period: number): boolean {
    return this.of(period).some(({ confirmed }) => confirmed);
  }

  /**
   * The key of a period that seals in it: the confirmed one of the newest origin, of
   * several that with the lowest name. If none is confirmed, the one that has been in
   * the engine for longest.
   */
  best(period: number): KnownKey | undefined {
    let best: KnownKey | undefined;
    for (const key of this.#sets.get(period)?.values() ?? []) {
      if (best === undefined || sealsBefore(key, best)) {
        best = key;
      }
    }
    return best;
  }

  /** @param bytes memory that belongs to the key from now on. */
  add(bytes: Buffer, period: number, from: KeyOrigin): KnownKey {
    const nowMs = this.#clock.monotonicMs();
    const opensForSeconds = this.periods.openUntil(period) - this.#clock.nowSeconds();
    const key: KnownKey = {
      ...from,
      bytes,
      field: fieldOf(bytes),
      period,
      knownSinceMs: nowMs,
      opensUntilMs: nowMs + opensForSeconds * 1000,
      firstSeenMs: undefined,
      putAtMs: Number.POSITIVE_INFINITY,
      confirmed: false,
      sealed: false,
      childField: undefined,
    };
    let set = this.#sets.get(period);
    if (set === undefined) {
      set = new Map();
      this.#sets.set(period, set);
    }
    set.set(key.field, key);
    return key;
  }

  /** @returns the key of the next period that continues this one; undefined if it would be weak. */
  childOf(parent: KnownKey): KnownKey | undefined {
    const period = parent.period + 1;
    const known = this.get(period, parent.childField ?? '');
    if (known !== undefined) {
      return known;
    }
    const bytes = continuationOf(parent.bytes);
    if (bytes === undefined) {
      return undefined;
    }
    parent.childField = fieldOf(bytes);
    const learned = this.get(period, parent.childField);
    if (learned !== undefined) {
      bytes.fill(0);
      return learned;
    }
    const { origin, maker } = parent;
    return this.add(bytes, period, { origin, maker, madeHere: false, taken: false });
  }

  opens({ period, opensUntilMs }: KnownKey): boolean {
    return (
      this.#clock.nowSeconds() < this.periods.openUntil(period) &&
      this.#clock.monotonicMs() < opensUntilMs
    );
  }

  /** Until a key must be overwritten, in seconds; Infinity when there is none. */
  get nextEndSeconds(): number {
    const now = this.#clock.nowSeconds();
    const nowMs = this.#clock.monotonicMs();
    return Math.min(
      ...this.all().map(({ period, opensUntilMs }) =>
        Math.min(this.periods.openUntil(period) - now, (opensUntilMs - nowMs) / 1000),
      ),
    );
  }

  wipeOld(): void {
    for (const [period, set] of this.#sets) {
      for (const key of set.values()) {
        if (!this.opens(key)) {
          key.bytes.fill(0);
          set.delete(key.field);
        }
      }
      if (set.size === 0) {
        this.#sets.delete(period);
      }
    }
  }

  /** Overwrites and forgets all keys. */
  wipe(): void {
    for (const { bytes } of this.all()) {
      bytes.fill(0);
    }
    this.#sets.clear();
  }
}

/** Made by a generator for its own period, and no continuation of an older key. */
export function isRandom({ origin, period }: KnownKey): boolean {
  return origin === period;
}

export function sealsBefore(one: KnownKey, other: KnownKey): boolean {
  if (one.confirmed !== other.confirmed) {
    return one.confirmed;
  }
  if (!one.confirmed && one.putAtMs !== other.putAtMs) {
    return one.putAtMs < other.putAtMs;
  }
  return one.origin === other.origin ? compareNames(one, other) < 0 : one.origin > other.origin;
}
