/**
 * The ticket keys that a process holds, and which of them seals and opens now.
 *
 * A new key seals two seconds after it has begun to, and the one before it
 * seals so much longer: by then every process has fetched the new one, and no
 * ticket meets a process that doesn't know its key. A key opens until the time
 * that the server tells.
 *
 * When a key comes, its times are carried over to the monotonic clock. So a clock
 * that is set back neither stretches the life of a key nor makes it wait. The
 * end of a key counts on both clocks, as the monotonic one stands still while the
 * machine sleeps.
 */
import { types } from 'node:util';
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
  sealFromMs: number;
  sealUntilMs: number;
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

  /** Until the last key that has begun to seal seals no more, in seconds; 0 or less when none does. */
  get sealsForSeconds(): number {
    if (this.sealing() === undefined) {
      return 0;
    }
    const nowMs = this.#clock.monotonicMs();
    const begun = this.#keys.filter((key) => key.sealFromMs <= nowMs);
    return Math.max(...begun.map((key) => this.#sealsFor(key)));
  }

  /** What a key opens beyond the time that it seals: the lifetime of sessions. */
  get lifetimeSeconds(): number | undefined {
    const key = this.sealing() ?? this.#keys[0];
    return key && key.openUntilSeconds - key.sealUntilSeconds;
  }

  /** Seconds until another key seals, or one is to be overwritten; undefined without keys. */
  get nextChangeSeconds(): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    const moments = this.#keys.flatMap((key) => [
      (key.sealFromMs - nowMs) / 1000 + overlapSeconds,
      this.#sealsFor(key) + overlapSeconds,
      this.#opensFor(key),
    ]);
    const coming = moments.filter((seconds) => seconds > 0);
    return coming.length === 0 ? undefined : Math.min(...coming);
  }

  /**
   * Copies the keys that aren't held yet into memory of its own, and overwrites
   * what was given.
   * @param keys of any form: a client may be somebody else's program.
   * @returns how many were refused: malformed, weak, or of impossible times.
   */
  take(keys: readonly ScopedKey[]): number {
    let refused = 0;
    for (const given of keys) {
      const key = copyOf(given);
      wipeKey(given);
      if (key === undefined) {
        refused += 1;
        continue;
      }
      const held = this.#keys.find(({ name }) => name.equals(key.name));
      if (held === undefined) {
        this.#keys.push(this.#timed(key));
        this.#dropSurplus();
      } else {
        this.#retime(held, key);
        wipeKey(key);
      }
    }
    this.#keys.sort((one, other) => other.sealFromMs - one.sealFromMs);
    this.wipeExpired();
    return refused;
  }

  /** The key that seals new tickets; undefined when none does. */
  sealing(): ScopedKey | undefined {
    const nowMs = this.#clock.monotonicMs();
    let young: ScopedKey | undefined;
    for (const key of this.#keys) {
      const seals = key.sealFromMs <= nowMs && this.#sealsFor(key) + overlapSeconds > 0;
      // Whatever has happened to its memory, a key that anybody can guess seals nothing.
      if (seals && this.#opensFor(key) > 0 && !isWeakScopedKey(key)) {
        if (nowMs >= key.sealFromMs + overlapSeconds * 1000) {
          return key;
        }
        young ??= key;
      }
    }
    return young;
  }

  /** The key of the 16-byte name, while it opens tickets. */
  named(name: Buffer): ScopedKey | undefined {
    return this.#keys.find((key) => key.name.equals(name) && this.#opensFor(key) > 0);
  }

  wipeExpired(): void {
    this.#keys = this.#keys.filter((key) => {
      const opens = this.#opensFor(key) > 0;
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

  /** No part of its life is longer than the whole, wherever the clock stands. */
  #timed(key: ScopedKey): HeldKey {
    const { sealFromSeconds, sealUntilSeconds, openUntilSeconds } = key;
    const nowMs = this.#clock.monotonicMs();
    const now = this.#clock.nowSeconds();
    const atMs = (end: number): number => nowMs + Math.min(end - now, end - sealFromSeconds) * 1000;
    return {
      ...key,
      sealFromMs: nowMs + (sealFromSeconds - now) * 1000,
      sealUntilMs: atMs(sealUntilSeconds),
      openUntilMs: atMs(openUntilSeconds),
    };
  }

  /**
   * Another key of several that hosts share may seal from now on. What a key opens
   * stays as it was first told, so that nothing stretches its life.
   */
  #retime(held: HeldKey, told: ScopedKey): void {
    const { sealFromSeconds, sealUntilSeconds } = told;
    if (sealFromSeconds === held.sealFromSeconds && sealUntilSeconds === held.sealUntilSeconds) {
      return;
    }
    const timed = this.#timed(told);
    held.sealFromSeconds = sealFromSeconds;
    held.sealUntilSeconds = Math.min(sealUntilSeconds, held.openUntilSeconds);
    held.sealFromMs = timed.sealFromMs;
    held.sealUntilMs = Math.min(timed.sealUntilMs, held.openUntilMs);
  }

  /** Gives up keys that have long ended to seal and those that seal last, never the one that seals. */
  #dropSurplus(): void {
    if (this.#keys.length <= mostKeys) {
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const sealing = this.sealing();
    const rank = (key: HeldKey): number => {
      if (key === sealing) {
        return 0;
      }
      return key.sealFromMs <= nowMs ? 1 : 2;
    };
    this.#keys.sort(
      (one, other) =>
        rank(one) - rank(other) ||
        (rank(one) === 1 ? other.sealFromMs - one.sealFromMs : one.sealFromMs - other.sealFromMs),
    );
    this.#keys.splice(mostKeys).forEach(wipeKey);
  }

  #sealsFor(key: HeldKey): number {
    return this.#left(key.sealUntilSeconds, key.sealUntilMs);
  }

  #opensFor(key: HeldKey): number {
    return this.#left(key.openUntilSeconds, key.openUntilMs);
  }

  #left(seconds: number, milliseconds: number): number {
    const leftMs = milliseconds - this.#clock.monotonicMs();
    return Math.min(seconds - this.#clock.nowSeconds(), leftMs / 1000);
  }
}

/**
 * Each field is read once and checked: Node ends the process for a buffer that is
 * too short, and for a time that is no whole number.
 * @returns undefined for what is no key, or a weak one.
 */
function copyOf(given: ScopedKey): ScopedKey | undefined {
  const parts: Buffer[] = [];
  const part = (value: unknown, length: number): Buffer => {
    if (!types.isUint8Array(value) || value.length !== length) {
      throw new TypeError(`no ${length} bytes`);
    }
    const copy = Buffer.allocUnsafeSlow(length).fill(0);
    parts.push(copy);
    copy.set(value);
    return copy;
  };
  try {
    const { name, aes, hmac, sealFromSeconds, sealUntilSeconds, openUntilSeconds } = given;
    const key = {
      name: part(name, 16),
      aes: part(aes, 16),
      hmac: part(hmac, 32),
      sealFromSeconds,
      sealUntilSeconds,
      openUntilSeconds,
    };
    if (hasPossibleTimes(key) && !isWeakScopedKey(key)) {
      return key;
    }
  } catch {
    // No key: it is counted.
  }
  parts.forEach((copy) => copy.fill(0));
  return undefined;
}

function hasPossibleTimes(key: ScopedKey): boolean {
  const { sealFromSeconds, sealUntilSeconds, openUntilSeconds } = key;
  return (
    [sealFromSeconds, sealUntilSeconds, openUntilSeconds].every(Number.isSafeInteger) &&
    sealFromSeconds >= 0 &&
    sealUntilSeconds >= sealFromSeconds &&
    openUntilSeconds > sealUntilSeconds &&
    openUntilSeconds - sealFromSeconds <= longestLifeSeconds
  );
}

/** Overwrites what of a key is bytes, whatever it is. Never throws. */
export function wipeKey(key: unknown): void {
  for (const field of ['name', 'aes', 'hmac']) {
    try {
      const part: unknown = Reflect.get(Object(key) as object, field);
      if (types.isUint8Array(part)) {
        Uint8Array.prototype.fill.call(part, 0);
      }
    } catch {
      // What can't be read is no key of anybody's.
    }
  }
}
