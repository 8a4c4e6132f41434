/**
 * A session ticket key as clients copy it, byte for byte, into their own
 * struct on a 64-bit machine. 88 bytes:
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

/** Tells keys apart for people: 16 hex digits of a hash over the name, of which nothing is given away. */
export function keyFingerprint(name: Buffer): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

/**
 * Makes a key that seals tickets until the expiry. Throws what the pool throws,
 * and TlsmgrError `GENERATOR` for a key with a part that no generator makes:
 * zero, of two equal halves, or the same as another. Servers have sealed tickets
 * with such keys for years without anybody noticing.
 */
export function makeTicketKey(pool: RandomPool, expirySeconds: number): Buffer {
  const key = Buffer.allocUnsafeSlow(ticketKeyBytes);
  pool.fill(key, 0, expiryOffset);
  if (isWeakTicketKey(key)) {
    key.fill(0);
    throw new TlsmgrError('GENERATOR', 'the generator made a weak ticket key');
  }
  if (littleEndian) {
    key.writeBigInt64LE(BigInt(expirySeconds), expiryOffset);
  } else {
    key.writeBigInt64BE(BigInt(expirySeconds), expiryOffset);
  }
  return key;
}

/** A part is zero or has equal halves, or both keys are the same: no generator makes such a key. */
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

/** Seconds since 1970 until which the key seals. */
export function expiryOf(key: Buffer): number {
  return Number(littleEndian ? key.readBigInt64LE(expiryOffset) : key.readBigInt64BE(expiryOffset));
}
