/**
 * The hash of a cache id: HalfSipHash-1-3, 32 bits. Each process has its own
 * random key, so that nobody can choose ids that collide.
 *
 * The algorithm is described by Aumasson and Bernstein in "SipHash: a fast
 * short-input PRF" (2012). HalfSipHash is the variant with 32-bit words in their
 * reference code. 1-3 means one round for each word, and three at the end.
 */
import { randomBytes } from 'node:crypto';

/** @returns the hash of bytes[start, end), a signed 32-bit number. */
export type IdHash = (bytes: Uint8Array, start: number, end: number) => number;

/** @param key 8 bytes. */
export function idHashOf(key: Buffer = randomBytes(8)): IdHash {
  const k0 = key.readInt32LE(0);
  const k1 = key.readInt32LE(4);
  return (bytes, start, end) => {
    let v0 = k0;
    let v1 = k1;
    let v2 = 0x6c796765 ^ k0;
    let v3 = 0x74656462 ^ k1;
    let at = start;
    const wordsEnd = end - 3;
    for (; at < wordsEnd; at += 4) {
      const word =
        bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    let last = (end - start) << 24;
    for (let shift = 0; at < end; at += 1, shift += 8) {
      last |= bytes[at]! << shift;
    }
    // One round for the last word, and three at the end.
    v3 ^= last;
    for (let round = 0; round < 4; round += 1) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round === 0) {
        v0 ^= last;
        v2 ^= 0xff;
      }
    }
    return v1 ^ v3;
  };
}
