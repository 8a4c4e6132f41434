/** AES-256-GCM with a random nonce: what is sealed is nonce, ciphertext and tag, one after the other. */
import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto';
import { wipe } from './secret-memory.ts';

const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Bytes that sealing adds. */
export const gcmExtraBytes = nonceBytes + tagBytes;

/** Seals into memory of the right size, gcmExtraBytes more than the payload has. @param key 32 bytes. */
export function gcmSealInto(
  sealed: Buffer,
  key: Buffer,
  payload: Uint8Array,
  associated: Buffer,
): void {
  const nonce = randomFillSync(sealed.subarray(0, nonceBytes));
  const cipher = createCipheriv(algorithm, key, nonce);
  cipher.setAAD(associated);
  cipher.update(payload).copy(sealed, nonceBytes);
  cipher.final();
  cipher.getAuthTag().copy(sealed, nonceBytes + payload.length);
}

/**
 * @param sealed gcmExtraBytes at least. @param key 32 bytes.
 * @returns memory of its own; undefined when the tag doesn't fit: it was damaged, or
 * sealed with another key or other associated data.
 */
export function gcmOpen(sealed: Buffer, key: Buffer, associated: Buffer): Buffer | undefined {
  const tagStart = sealed.length - tagBytes;
  const decipher = createDecipheriv(algorithm, key, sealed.subarray(0, nonceBytes));
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(tagStart));
  const payload = decipher.update(sealed.subarray(nonceBytes, tagStart));
  try {
    decipher.final();
    return payload;
  } catch {
    // The tag doesn't fit, which is what undefined means.
    wipe(payload, 0, payload.length);
    return undefined;
  }
}
