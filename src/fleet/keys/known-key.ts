/** A ticket key of a fleet as a host knows it, and the key that continues it. */
import { hkdfSync } from 'node:crypto';
import { isWeakTicketKey, keyNameBytes, ticketKeyBytes } from '../../tickets/ticket-key.ts';

/** Name, AES key and HMAC key: a ticket key without its expiry. */
export const secretBytes = 80;

/** Where a key comes from. */
export interface KeyOrigin {
  /** The period of the random key that it is or goes back to. */
  readonly origin: number;
  /** The host that made the random key. */
  readonly maker: string;
  readonly madeHere: boolean;
  /** It was learned from the engine. */
  readonly taken: boolean;
}

export interface KnownKey extends KeyOrigin {
  /** 88 bytes (tickets/ticket-key.ts). The expiry is set anew for each answer. */
  readonly bytes: Buffer;
  /** Its name in base64url: its field in the engine. */
  readonly field: string;
  readonly period: number;
  /** On the monotonic clock. */
  readonly knownSinceMs: number;
  readonly opensUntilMs: number;
  /** When it was first seen in the engine, on the monotonic clock. */
  firstSeenMs: number | undefined;
  /** When it was put there, by the engine's clock, in milliseconds; the earliest time seen. */
  putAtMs: number;
  /** All hosts have it that reach the engine. */
  confirmed: boolean;
  /** It may have sealed tickets here. */
  sealed: boolean;
  /** The field of the key that continues it, once that has been derived. */
  childField: string | undefined;
}

export function fieldOf(key: Buffer): string {
  return key.toString('base64url', 0, keyNameBytes);
}

/** Compares names, the lowest first. */
export function compareNames(one: KnownKey, other: KnownKey): number {
  return one.bytes.compare(other.bytes, 0, keyNameBytes, 0, keyNameBytes);
}

/**
 * The key of the next period that continues this one: HKDF-SHA-256 over its 80 secret
 * bytes. Each host that has the one finds the other, and nobody finds the one from
 * the other.
 * @returns memory of its own, 88 bytes; undefined when it would be weak, which no
 * host takes.
 */
export function continuationOf(key: Buffer): Buffer | undefined {
  const secret = key.subarray(0, secretBytes);
  return ticketKeyFrom(Buffer.from(hkdfSync('sha256', secret, noSalt, 'next', secretBytes)));
}

/**
 * A ticket key from its 80 secret bytes, which are overwritten.
 * @returns memory of its own, 88 bytes; undefined when the key is weak.
 */
export function ticketKeyFrom(secret: Buffer): Buffer | undefined {
  const key = isWeakTicketKey(secret) ? undefined : Buffer.allocUnsafeSlow(ticketKeyBytes).fill(0);
  if (key !== undefined) {
    secret.copy(key, 0, 0, secretBytes);
  }
  secret.fill(0);
  return key;
}

const noSalt = Buffer.alloc(0);
