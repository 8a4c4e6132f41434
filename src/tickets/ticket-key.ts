/**
 * A session ticket key of 88 bytes. Clients copy it byte for byte into a C struct
 * of a 64-bit machine:
 *
 *      0  16  name
 *     16  32  AES-256-CBC key
 *     48  32  HMAC-SHA-256 key
 *     80   8  expiry, seconds since 1970, signed, this machine's byte order
 *
 * Source: src/tls/tls.h, TLS_TICKET_KEY.
 */
import { createHash } from 'node:crypto';
import { endianness } from 'node:os';
import { TlsmgrError } from '../errors.ts';
import type { RandomPool } from '../prng/random.ts';

export const keyNameBytes = 16;
export const ticketKeyBytes = 88;

const expiryOffset = 80;
const littleEndian = endianness() === 'LE';

/** Where name, cipher key and MAC key end. */
const partEnds = [keyNameBytes, 48, expiryOffset] as const;

/** 16 hex digits of a hash over the name. People tell keys apart by it; it doesn't reveal the name. */
export function keyFingerprint(name: Buffer): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

/**
 * Makes a key that seals tickets until the expiry. Throws what the pool throws.
 * Throws TlsmgrError `GENERATOR` if a part of the key is zero, has equal halves or
 * equals another part, as no working generator makes such a key. Some servers have
 * sealed tickets with such keys for years, and nobody noticed.
 */
export function makeTicketKey(pool: RandomPool, expirySeconds: number): Buffer {
  const key = Buffer.allocUnsafeSlow(ticketKeyBytes);
  pool.fill(key, 0, expiryOffset);
  if (isWeakTicketKey(key)) {
    key.fill(0);
    throw new TlsmgrError('GENERATOR', 'the generator made a weak ticket key');
  }
  setExpiry(key, expirySeconds);
  return key;
}

/** Changes the time until which the key seals. */
export function setExpiry(key: Buffer, expirySeconds: number): void {
  if (littleEndian) {
    key.writeBigInt64LE(BigInt(expirySeconds), expiryOffset);
  } else {
    key.writeBigInt64BE(BigInt(expirySeconds), expiryOffset);
  }
}

/** Whether a part is zero or has equal halves, or both keys are the same. No working generator makes such a key. */
export function isWeakTicketKey(key: Buffer): boolean {
  let start = 0;
  for (const end of partEnds) {
    const half = (end - start) / 2;
    // All zero has equal halves as well.
    if (key.compare(key, start, start + half, start + half, end) === 0) {
      return true;
    }
    start = end;
  }
  return key.compare(key, partEnds[0], partEnds[1], partEnds[1], partEnds[2]) === 0;
}

/** The time until which the key seals, in seconds since 1970. */
export function expiryOf(key: Buffer): number {
  return Number(littleEndian ? key.readBigInt64LE(expiryOffset) : key.readBigInt64BE(expiryOffset));
}
