/**
 * The ticket keys that a process holds, and which of them seals and opens now.
 *
 * A new key seals two seconds after it has begun to, and the one before it
 * seals so much longer: by then every process has fetched the new one, and no
 * ticket meets a process that doesn't know its key. A key opens until the time
 * that the server tells. A monotonic clock bounds both times as well, so that a
 * clock set back can't stretch the life of a key.
 */
import type { Clock } from '../system/clock.ts';
import { isWeakScopedKey, type ScopedKey } from '../tickets/scoped-key.ts';

/** Between the moment when a key may seal and the one when it does. */
const overlapSeconds = 2;

/** Keys held at most: a server that gives more than two has other sources for them. */
const mostKeys = 16;

/** No lifetime of Postfix is longer: 100 days. */
const longestLifeSeconds = 100 * 86_400;

interface HeldKey extends ScopedKey {
  /** On the monotonic clock. */
  readonly openUntilMs: number;
}

export class HeldKeys {
  readonly #clock: Clock;
  /** Newest first. */
  #keys: HeldKey[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#keys.length;
  }

  /** Until the newest key seals no more, in seconds; 0 or less when there is none. */
  get sealsForSeconds(): number {
    const newest = this.#keys[0];
    return newest === undefined ? 0 : newest.sealUntilSeconds - this.#clock.nowSeconds();
  }

  /** What a key opens beyond the time that it seals: the lifetime of sessions. */
  get lifetimeSeconds(): number | undefined {
    const newest = this.#keys[0];
    return newest && newest.openUntilSeconds - newest.sealUntilSeconds;
  }

  /** Seconds until another key seals, or one is to be overwritten; undefined without keys. */
  get nextChangeSeconds(): number | undefined {
    const now = this.#clock.nowSeconds();
    const moments = this.#keys.flatMap((key) => [
      key.sealFromSeconds + overlapSeconds,
      key.sealUntilSeconds + overlapSeconds,
      key.openUntilSeconds,
    ]);
    const coming = moments.filter((moment) => moment > now);
    return coming.length === 0 ? undefined : Math.min(...coming) - now;
  }

  /**
   * Adds the keys that aren't held yet. The memory of all of them is this
   * object's from here on: what isn't taken is overwritten.
   * @returns how many were refused: malformed, weak, or of impossible times.
   */
  take(keys: readonly ScopedKey[]): number {
    let refused = 0;
    for (const key of keys) {
      if (!isWellFormed(key) || isWeakScopedKey(key)) {
        refused += 1;
        wipeKey(key);
      } else if (this.#keys.some(({ name }) => name.equals(key.name))) {
        wipeKey(key);
      } else {
        const leftSeconds = key.openUntilSeconds - this.#clock.nowSeconds();
        const openUntilMs = this.#clock.monotonicMs() + leftSeconds * 1000;
        this.#keys.push({ ...key, openUntilMs });
      }
    }
    this.#keys.sort((one, other) => other.sealFromSeconds - one.sealFromSeconds);
    this.#keys.splice(mostKeys).forEach(wipeKey);
    this.wipeExpired();
    return refused;
  }

  /** The key that seals new tickets; undefined when none does. */
  sealing(): ScopedKey | undefined {
    const now = this.#clock.nowSeconds();
    let young: ScopedKey | undefined;
    for (const key of this.#keys) {
      const seals = key.sealFromSeconds <= now && now < key.sealUntilSeconds + overlapSeconds;
      if (seals && this.#opens(key, now)) {
        if (now >= key.sealFromSeconds + overlapSeconds) {
          return key;
        }
        young ??= key;
      }
    }
    return young;
  }

  /** The key of the 16-byte name, while it opens tickets. */
  named(name: Buffer): ScopedKey | undefined {
    const now = this.#clock.nowSeconds();
    return this.#keys.find((key) => key.name.equals(name) && this.#opens(key, now));
  }

  wipeExpired(): void {
    const now = this.#clock.nowSeconds();
    this.#keys = this.#keys.filter((key) => {
      const opens = this.#opens(key, now);
      if (!opens) {
        wipeKey(key);
      }
      return opens;
    });
  }

  wipe(): void {
    this.#keys.forEach(wipeKey);
    this.#keys = [];
  }

  #opens(key: HeldKey, now: number): boolean {
    return now < key.openUntilSeconds && this.#clock.monotonicMs() < key.openUntilMs;
  }
}

/** Nothing else may reach OpenSSL: Node ends the process for a buffer that is too short. */
function isWellFormed(key: ScopedKey): boolean {
  const { name, aes, hmac, sealFromSeconds, sealUntilSeconds, openUntilSeconds } = key;
  return (
    isBytes(name, 16) &&
    isBytes(aes, 16) &&
    isBytes(hmac, 32) &&
    Number.isSafeInteger(sealFromSeconds) &&
    sealFromSeconds >= 0 &&
    sealUntilSeconds >= sealFromSeconds &&
    openUntilSeconds > sealUntilSeconds &&
    openUntilSeconds - sealFromSeconds <= longestLifeSeconds
  );
}

function isBytes(value: unknown, length: number): boolean {
  return Buffer.isBuffer(value) && value.length === length;
}

/** Overwrites what of a key is bytes, whatever it is. */
export function wipeKey(key: ScopedKey): void {
  for (const part of [key.name, key.aes, key.hmac]) {
    if (Buffer.isBuffer(part)) {
      part.fill(0);
    }
  }
}
