/**
 * The ticket keys that a process of Postfix keeps: two, sorted by their expiry. It
 * seals with the first until that has expired, and opens with both for the session
 * lifetime longer. Source: src/tls/tls_scache.c, tls_scache_key_rotate().
 */
import { expiryOf, keyNameBytes } from '../../src/tickets/ticket-key.ts';

interface Slot {
  readonly name: string;
  readonly expirySeconds: number;
}

export class TwoSlots {
  readonly #lifetimeSeconds: number;
  #first: Slot | undefined;
  #second: Slot | undefined;

  constructor(lifetimeSeconds: number) {
    this.#lifetimeSeconds = lifetimeSeconds;
  }

  /** @returns the name of the key that seals; undefined: tlsmgr is asked. */
  sealing(now: number): string | undefined {
    return this.#first !== undefined && this.#first.expirySeconds > now
      ? this.#first.name
      : undefined;
  }

  /** Whether a ticket of this name is opened without asking. */
  opens(name: string, now: number): boolean {
    const slot = [this.#first, this.#second].find((one) => one?.name === name);
    return slot !== undefined && slot.expirySeconds + this.#lifetimeSeconds > now;
  }

  /** Keeps a key that tlsmgr has answered with. @returns its name. */
  take(key: Buffer): string {
    const slot = { name: nameOf(key), expirySeconds: expiryOf(key) };
    if (this.#first === undefined || this.#first.expirySeconds < slot.expirySeconds) {
      this.#second = this.#first;
      this.#first = slot;
    } else {
      this.#second = slot;
    }
    return slot.name;
  }
}

/** A key's name in base64url. */
export function nameOf(key: Buffer): string {
  return key.toString('base64url', 0, keyNameBytes);
}
