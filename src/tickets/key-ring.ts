/**
 * The ring of ticket keys. There are up to two: the current key seals new tickets
 * for half of the smtpd session lifetime. The key before it still opens tickets
 * for the other half.
 *
 * Let T be the lifetime. A key that is made at second S has the expiry
 * S + T/2 - 1. It seals while now < expiry, and is given out by name while
 * now < expiry + T/2. A monotonic clock limits both as well, so a clock that is
 * set back can't make a key live longer. A key is made when somebody asks for
 * one, not in the background. Source: src/tls/tls_scache.c.
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

  /** The current key seals until its own expiry, whatever the new lifetime is. */
  changeLifetime(lifetimeSeconds: number): void {
    this.#state = stateWith(lifetimeSeconds);
    this.#halfSeconds = Math.floor(lifetimeSeconds / 2);
    if (this.#state === 'serving') {
      this.#wipeExpired();
    } else {
      this.#wipeAll();
    }
  }

  /** Makes a key if none seals now. */
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

  /** The keys that open tickets, newest first. */
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

  /** Overwrites keys that no longer open tickets, and sets a timer for the others. */
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
