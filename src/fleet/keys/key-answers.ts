/**
 * What is answered with the keys that this host holds: shared ones, derived ones, or
 * derived ones as the last resort while no shared key is confirmed.
 *
 * A Postfix process keeps the last two keys that it was given, sorted by their expiry,
 * and seals with the one that expires later until then. So a key that was asked for by
 * its name gets an expiry that has passed, unless it is the one that seals now. A
 * process would seal too early with a key of the next period otherwise. Whatever its
 * expiry, a process opens tickets with a key for the session lifetime after it.
 */
import type { Clock } from '../../system/clock.ts';
import type { KeyDescription, SourceKey } from '../../tickets/key-source.ts';
import { keyFingerprint, keyNameBytes, setExpiry } from '../../tickets/ticket-key.ts';
import type { DerivedKey, DerivedSet } from './derived-set.ts';
import type { KeyRules } from './key-rules.ts';
import { isRandom } from './key-sets.ts';
import type { KnownKey } from './known-key.ts';
import type { Periods } from './periods.ts';

/** While no key is confirmed, a process seals for so long and then asks again. */
const unsureSeconds = 10;

export interface KeyAnswersOptions {
  readonly periods: Periods;
  readonly clock: Clock;
  readonly rules: KeyRules | undefined;
  /** Without rules: what seals. With them: the last resort. */
  readonly derived: DerivedSet | undefined;
}

type AnswerKey = KnownKey | DerivedKey;

interface Sealing {
  readonly key: AnswerKey;
  readonly untilSeconds: number;
}

export class KeyAnswers {
  readonly #periods: Periods;
  readonly #clock: Clock;
  readonly #rules: KeyRules | undefined;
  readonly #derived: DerivedSet | undefined;

  constructor({ periods, clock, rules, derived }: KeyAnswersOptions) {
    this.#periods = periods;
    this.#clock = clock;
    this.#rules = rules;
    this.#derived = derived;
  }

  /** The key that seals. Makes one if there is none. Throws TlsmgrError `GENERATOR`. */
  current(): Buffer {
    return given(this.#sealing() ?? this.#withOwn());
  }

  /** @param field its name in base64url. */
  named(field: string): Buffer | undefined {
    const key = this.#rules?.named(field) ?? this.#derived?.named(field);
    if (key === undefined) {
      return undefined;
    }
    const sealing = this.#sealing();
    if (key === sealing?.key) {
      return given(sealing);
    }
    setExpiry(key.bytes, Math.min(this.#periods.end(key.period), this.#clock.nowSeconds()));
    return key.bytes;
  }

  /**
   * All keys that open tickets, the one that seals first. The others never seal for a
   * program that has them all. It asks again when the period ends. Keys of the next
   * period are told only when a clock that is ahead may have begun it.
   */
  keys(): SourceKey[] {
    const sealing = this.#sealing() ?? this.#withOwn();
    markSealed(sealing.key);
    const latest = this.#periods.latestSealing(this.#clock.nowSeconds());
    return this.#opening(sealing)
      .filter(({ period }) => period <= latest)
      .map((key) => {
        const sealFromSeconds = this.#periods.begin(key.period);
        return {
          bytes: key.bytes,
          sealFromSeconds,
          sealUntilSeconds: key === sealing.key ? sealing.untilSeconds : sealFromSeconds,
          openUntilSeconds: this.#periods.openUntil(key.period),
        };
      });
  }

  describe(): KeyDescription[] {
    const now = this.#clock.nowSeconds();
    return this.#opening(this.#sealing()).map((key) => ({
      fingerprint: keyFingerprint(key.bytes.subarray(0, keyNameBytes)),
      ageSeconds: this.#ageSeconds(key),
      sealsForSeconds: this.#periods.end(key.period) - now,
      opensForSeconds: this.#periods.openUntil(key.period) - now,
      origin: originOf(key),
      confirmed: !('confirmed' in key) || key.confirmed,
      madeBy: 'maker' in key ? key.maker : '',
    }));
  }

  /** Until turn() has something to do, in seconds. */
  get nextChangeSeconds(): number {
    return Math.min(
      this.#rules?.nextChangeSeconds ?? Number.POSITIVE_INFINITY,
      this.#derived?.nextChangeSeconds ?? Number.POSITIVE_INFINITY,
    );
  }

  /** Continues keys into a new period, and overwrites those whose time is over. */
  turn(): void {
    this.#rules?.turn();
    this.#derived?.turn();
  }

  /** Overwrites and forgets all keys. */
  wipe(): void {
    this.#rules?.wipe();
    this.#derived?.wipe();
  }

  /** What seals; undefined when a key must be made for it. */
  #sealing(): Sealing | undefined {
    const known = this.#rules?.sealing();
    const now = this.#clock.nowSeconds();
    const end = this.#periods.end(this.#periods.at(now));
    if (known?.confirmed === true) {
      return { key: known, untilSeconds: end };
    }
    const unsureEnd = Math.min(end, now + unsureSeconds);
    if (this.#derived !== undefined) {
      const key = this.#derived.sealing();
      return { key, untilSeconds: this.#rules === undefined ? end : unsureEnd };
    }
    return known && { key: known, untilSeconds: unsureEnd };
  }

  #withOwn(): Sealing {
    const rules = this.#rules!;
    rules.make(rules.period);
    return this.#sealing()!;
  }

  #opening(sealing: Sealing | undefined): AnswerKey[] {
    const isFirst = (key: AnswerKey): number => Number(key === sealing?.key);
    return [...(this.#rules?.opening() ?? []), ...(this.#derived?.opening() ?? [])].toSorted(
      (one, other) => isFirst(other) - isFirst(one),
    );
  }

  #ageSeconds(key: AnswerKey): number {
    return 'knownSinceMs' in key
      ? Math.floor((this.#clock.monotonicMs() - key.knownSinceMs) / 1000)
      : Math.max(0, this.#clock.nowSeconds() - this.#periods.begin(key.period));
  }
}

/** The bytes of the key that seals, with the time until which a process may seal with it. */
function given({ key, untilSeconds }: Sealing): Buffer {
  markSealed(key);
  setExpiry(key.bytes, untilSeconds);
  return key.bytes;
}

function markSealed(key: AnswerKey): void {
  if ('sealed' in key) {
    key.sealed = true;
  }
}

function originOf(key: AnswerKey): NonNullable<KeyDescription['origin']> {
  if (!('origin' in key)) {
    return 'derived';
  }
  return isRandom(key) ? 'random' : 'continued';
}
