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
import { endianness } from 'node:os';
import type { RandomPool } from '../prng/random.ts';

export const keyNameBytes = 16;
export const ticketKeyBytes = 88;

const expiryOffset = 80;
const littleEndian = endianness() === 'LE';

/** Makes a key that seals tickets until the expiry. Throws what the pool throws. */
export function makeTicketKey(pool: RandomPool, expirySeconds: number): Buffer {
  const key = Buffer.allocUnsafeSlow(ticketKeyBytes);
  pool.fill(key, 0, expiryOffset);
  if (littleEndian) {
    key.writeBigInt64LE(BigInt(expirySeconds), expiryOffset);
  } else {
    key.writeBigInt64BE(BigInt(expirySeconds), expiryOffset);
  }
  return key;
}
