/**
 * The rules of shared ticket keys: what this host knows, which key seals, and what
 * is to be made and to be put into the engine. Does no input or output.
 *
 * A random key is made two periods before its own, so that a host that is cut off
 * for a period knows it all the same. A key is confirmed when all hosts must have
 * it that reach the engine: it has been there for longer than two exchanges take.
 * Only confirmed keys seal, and keys that continue them, as long as there is one.
 *
 * When a period begins without a new key, the older keys are continued: from the
 * bytes of a key each host derives the same next key. A continued key keeps the
 * origin, which is the period of the random key that it goes back to.
 *
 * A key seals in its own period by this host's clock. It opens tickets from when it
 * is known until 300 s after the end of the next period.
 */
import type { RandomPool } from '../../prng/random.ts';
import type { Clock } from '../../system/clock.ts';
import { makeTicketKey } from '../../tickets/ticket-key.ts';
import { isRandom, KeySets, sealsBefore } from './key-sets.ts';
import { type KeyValue, longestContinuation } from './key-value.ts';
import { type KnownKey, secretBytes, ticketKeyFrom } from './known-key.ts';
import type { Periods } from './periods.ts';

/**
 * Keys of one period that are learned from the engine. There are as many as hosts that
 * started while the engine was away; the tickets of each open once its key is taken.
 */
export const takenAtMost = 120;

/** A random key is made so many periods before its own. */
export const aheadPeriods = 2;

/** From the first time that a key is seen in the engine to the one that confirms it. */
const confirmAfterMs = 90_000;

/** The same since it was put there, with 120 s to spare: another server may become the engine. */
const confirmPutMs = 210_000;

/** While no random key is known, keys of so many origins are continued. */
const continuedOrigins = 2;

export interface KeyRulesOptions {
  readonly periods: Periods;
  readonly pool: RandomPool;
  readonly clock: Clock;
  /** This host's name in the fleet. */
  readonly host: string;
}

export class KeyRules {
  readonly periods: Periods;
  readonly #pool: RandomPool;
  readonly #clock: Clock;
  readonly #host: string;
  readonly #sets: KeySets;
  /** The period of the last turn. */
  #turnedInto: number | undefined;
  /** The key of the period that seals; undefined when it must be looked for again. */
  #choice: { readonly period: number; readonly key: KnownKey | undefined } | undefined;
  #made = 0;

  constructor({ periods, pool, clock, host }: KeyRulesOptions) {
    this.periods = periods;
    this.#pool = pool;
    this.#clock = clock;
    this.#host = host;
    this.#sets = new KeySets(periods, clock);
  }

  /** The period by this host's clock. */
  get period(): number {
    return this.periods.at(this.#clock.nowSeconds());
  }

  /** How many random keys were made. */
  get made(): number {
    return this.#made;
  }

  /**
   * Takes notice of a key that is in the engine now.
   * @param engineMs the engine's clock.
   * @returns false when it isn't taken: its time is over, or the period has as many as may be.
   */
  take(period: number, field: string, value: KeyValue, engineMs: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#sets.get(period, field) ?? this.#learn(period, value);
    if (known === undefined) {
      return false;
    }
    known.firstSeenMs ??= nowMs;
    known.putAtMs = Math.min(known.putAtMs, value.putAtMs);
    if (nowMs - known.firstSeenMs >= confirmAfterMs || engineMs - known.putAtMs >= confirmPutMs) {
      known.confirmed = true;
    }
    this.#choice = undefined;
    return true;
  }

  /**
   * Makes the random keys that are due, after the engine was read in this period:
   * that of two periods ahead; and those that nothing leads to.
   */
  makeDue(period: number): void {
    const last = period + aheadPeriods;
    for (let m = period; m <= last; m += 1) {
      const isDue = m === last && !this.#sets.hasRandom(m);
      if (isDue || (this.#sets.of(m).length === 0 && !this.#sets.hasConfirmed(m - 1))) {
        this.make(m);
      }
    }
  }

  /** Makes a random key. Throws TlsmgrError `GENERATOR` when it is no good one. */
  make(period: number): KnownKey {
    const bytes = makeTicketKey(this.#pool, 0);
    this.#made += 1;
    this.#choice = undefined;
    const from = { origin: period, maker: this.#host, madeHere: true, taken: false };
    return this.#sets.add(bytes, period, from);
  }

  /**
   * The keys to put into the engine, after it was read in this period: random keys
   * that were made here or are confirmed; what has sealed; and continued keys of this
   * period and the next while no random one is known.
   * @param isThere whether it has the key already.
   */
  lacking(period: number, isThere: (key: KnownKey) => boolean): KnownKey[] {
    const lacking: KnownKey[] = [];
    for (let m = period - 2; m <= period + aheadPeriods; m += 1) {
      const continues = (m === period || m === period + 1) && !this.#sets.hasRandom(m);
      for (const key of this.#sets.of(m)) {
        const belongs = isRandom(key) ? key.madeHere || key.confirmed : continues;
        if ((belongs || key.sealed) && this.#sets.opens(key) && !isThere(key)) {
          lacking.push(key);
        }
      }
    }
    return lacking;
  }

  /** The key that seals (KeySets.best); undefined when none of this period is known. */
  sealing(): KnownKey | undefined {
    const { period } = this;
    this.#turnIfDue(period);
    if (this.#choice?.period !== period) {
      this.#choice = { period, key: this.#sets.best(period) };
    }
    const { key } = this.#choice;
    if (key === undefined || this.#clock.monotonicMs() < key.opensUntilMs) {
      return key;
    }
    this.turn();
    return this.#sets.best(period);
  }

  /** The key of the name, while it opens tickets. @param field the name in base64url. */
  named(field: string): KnownKey | undefined {
    const { period } = this;
    this.#turnIfDue(period);
    for (let m = period - 2; m <= period + aheadPeriods; m += 1) {
      const key = this.#sets.get(m, field);
      if (key !== undefined && this.#sets.opens(key)) {
        return key;
      }
    }
    return undefined;
  }

  /** All keys that open tickets: the one that seals first, then the newest. */
  opening(): KnownKey[] {
    const sealing = this.sealing();
    return this.#sets
      .all()
      .filter((key) => this.#sets.opens(key))
      .toSorted(
        (one, other) =>
          Number(other === sealing) - Number(one === sealing) ||
          other.period - one.period ||
          (sealsBefore(one, other) ? -1 : 1),
      );
  }

  /**
   * Continues keys into this period and the next, and overwrites those whose time is
   * over. Called at each turn of the period, before answers, and after the engine was read.
   */
  turn(): void {
    const { period } = this;
    const from = Math.min(this.#turnedInto ?? period, period);
    for (let m = Math.max(from, period - longestContinuation); m <= period + 1; m += 1) {
      this.#continueInto(m);
    }
    this.#turnedInto = period;
    this.#choice = undefined;
    this.#sets.wipeOld();
  }

  /** Until turn() has something to do, in seconds; 0 or less when it has now. */
  get nextChangeSeconds(): number {
    const now = this.#clock.nowSeconds();
    return Math.min(this.periods.end(this.periods.at(now)) - now, this.#sets.nextEndSeconds);
  }

  /** Overwrites and forgets all keys. */
  wipe(): void {
    this.#sets.wipe();
    this.#turnedInto = this.#choice = undefined;
  }

  #turnIfDue(period: number): void {
    if (period !== this.#turnedInto) {
      this.turn();
    }
  }

  #learn(period: number, { key, origin, maker }: KeyValue): KnownKey | undefined {
    const taken = this.#sets.of(period).filter((known) => known.taken).length;
    if (taken >= takenAtMost || this.#clock.nowSeconds() >= this.periods.openUntil(period)) {
      return undefined;
    }
    const bytes = ticketKeyFrom(Buffer.from(key.subarray(0, secretBytes)));
    return bytes && this.#sets.add(bytes, period, { origin, maker, madeHere: false, taken: true });
  }

  #continueInto(period: number): void {
    const parents = this.#sets.of(period - 1);
    const origins = [...new Set(parents.map(({ origin }) => origin))]
      .toSorted((one, other) => other - one)
      .slice(0, continuedOrigins);
    const isRandomKnown = this.#sets.hasRandom(period);
    for (const parent of parents) {
      if (isRandom(parent) || (!isRandomKnown && origins.includes(parent.origin))) {
        const child = this.#sets.childOf(parent);
        if (child !== undefined && parent.confirmed) {
          child.confirmed = true;
        }
      }
    }
  }
}
