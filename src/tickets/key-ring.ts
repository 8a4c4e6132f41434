/**
 * The ticket keys: one that seals new tickets for half the smtpd session
 * lifetime, and the one before it, which still opens tickets for as long again.
 *
 * With T the lifetime, a key made at second S carries the expiry S + T/2 - 1,
 * seals while now < expiry, and is given out by name while now < expiry + T/2.
 * A monotonic clock bounds both as well, so that a clock set back can't stretch
 * the life of a key. Nothing runs in the background: a key is made when asked
 * for. Source: src/tls/tls_scache.c.
 */
import type { RandomPool } from '../prng/random.ts';
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import type { KeyDescription, KeySource, KeySourceState, SourceKey } from './key-source.ts';
import { keyFingerprint, keyNameBytes, makeTicketKey } from './ticket-key.ts';

interface RingKey {
  readonly bytes: Buffer;
  readonly madeAtSeconds: number;
  readonly expirySeconds: number;
  readonly madeAtMs: number;
}

export class KeyRing implements KeySource {
  #halfSeconds: number;
  #state: KeySourceState;
  readonly #pool: RandomPool;
  readonly #clock: Clock;
  #current: RingKey | undefined;
  #previous: RingKey | undefined;
  #wiping: Timer | undefined;

  constructor(lifetimeSeconds: number, pool: RandomPool, clock: Clock) {
    this.#state = stateWith(lifetimeSeconds);
    this.#halfSeconds = Math.floor(lifetimeSeconds / 2);
    this.#pool = pool;
    this.#clock = clock;
  }

  get state(): KeySourceState {
    return this.#state;
  }

  /** A key that seals does so until the time that it tells. */
  changeLifetime(lifetimeSeconds: number): void {
    this.#state = stateWith(lifetimeSeconds);
    this.#halfSeconds = Math.floor(lifetimeSeconds / 2);
    if (this.#state === 'serving') {
      this.#wipeExpired();
    } else {
      this.#wipeAll();
    }
  }

  /** Made now if there is none. */
  current(): Buffer {
    const now = this.#clock.nowSeconds();
    if (this.#current === undefined || !this.#seals(this.#current, now)) {
      const expirySeconds = now + this.#halfSeconds - 1;
      const fresh: RingKey = {
        bytes: makeTicketKey(this.#pool, expirySeconds),
        madeAtSeconds: now,
        expirySeconds,
        madeAtMs: this.#clock.monotonicMs(),
      };
      this.#previous?.bytes.fill(0);
      this.#previous = this.#current;
      this.#current = fresh;
      this.#wipeExpired();
    }
    return this.#current.bytes;
  }

  named(names: Buffer, start: number): Buffer | undefined {
    const now = this.#clock.nowSeconds();
    for (const key of [this.#current, this.#previous]) {
      if (
        key !== undefined &&
        key.bytes.compare(names, start, start + keyNameBytes, 0, keyNameBytes) === 0 &&
        this.#opens(key, now)
      ) {
        return key.bytes;
      }
    }
    return undefined;
  }

  keys(): SourceKey[] {
    this.current();
    return this.#opening(this.#clock.nowSeconds()).map((key) => ({
      bytes: key.bytes,
      sealFromSeconds: key.madeAtSeconds,
      sealUntilSeconds: key.expirySeconds,
      openUntilSeconds: key.expirySeconds + this.#halfSeconds,
    }));
  }

  describe(): KeyDescription[] {
    const now = this.#clock.nowSeconds();
    return this.#opening(now).map((key) => ({
      fingerprint: keyFingerprint(key.bytes.subarray(0, keyNameBytes)),
      ageSeconds: Math.floor((this.#clock.monotonicMs() - key.madeAtMs) / 1000),
      sealsForSeconds: key.expirySeconds - now,
      opensForSeconds: key.expirySeconds + this.#halfSeconds - now,
    }));
  }

  wipe(): void {
    this.#state = 'closed';
    this.#wipeAll();
  }

  /** Newest first. */
  #opening(now: number): RingKey[] {
    return [this.#current, this.#previous]
      .filter((key) => key !== undefined)
      .filter((key) => this.#opens(key, now));
  }

  #wipeAll(): void {
    this.#wiping?.cancel();
    this.#current?.bytes.fill(0);
    this.#previous?.bytes.fill(0);
    this.#current = this.#previous = undefined;
  }

  /** Overwrites what opens nothing any more, and comes back for the rest. */
  #wipeExpired(): void {
    const now = this.#clock.nowSeconds();
    if (this.#previous !== undefined && !this.#opens(this.#previous, now)) {
      this.#previous.bytes.fill(0);
      this.#previous = undefined;
    }
    if (this.#current !== undefined && !this.#opens(this.#current, now)) {
      this.#current.bytes.fill(0);
      this.#current = undefined;
    }
    this.#wiping?.cancel();
    this.#wiping =
      this.#current === undefined
        ? undefined
        : after(Math.max(1, this.#halfSeconds), () => this.#wipeExpired());
  }

  #ageSeconds(key: RingKey): number {
    return (this.#clock.monotonicMs() - key.madeAtMs) / 1000;
  }

  #seals(key: RingKey, now: number): boolean {
    return now < key.expirySeconds && this.#ageSeconds(key) < this.#halfSeconds;
  }

  #opens(key: RingKey, now: number): boolean {
    return (
      now < key.expirySeconds + this.#halfSeconds && this.#ageSeconds(key) < 2 * this.#halfSeconds
    );
  }
}

function stateWith(lifetimeSeconds: number): KeySourceState {
  return lifetimeSeconds > 0 ? 'serving' : 'off';
}
