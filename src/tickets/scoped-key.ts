/**
 * Ticket keys for programs that aren't Postfix. Each is derived from a key of the
 * ring and from a scope. The scope is a name for all programs that may resume each
 * other's sessions. Nobody can find out Postfix's key, or the key of another
 * scope, from a derived key.
 *
 *     AES 16, HMAC 32 = HKDF-SHA-256(secret: the 64 secret bytes of the ring's key,
 *                                    salt: its name, info: PURPOSE, scope)
 *
 * The name is that of the ring's key, because servers ask for a key by the name in
 * a ticket. The parts have the lengths that Node's tickets need: AES-128-CBC and
 * HMAC-SHA-256.
 *
 * A key on the wire, 88 bytes:
 *
 *      0  16  name
 *     16  16  AES-128-CBC key
 *     32  32  HMAC-SHA-256 key
 *     64   8  seals from, 72  8  seals until, 80  8  opens until:
 *             seconds since 1970, most significant byte first
 */
import { hkdfSync } from 'node:crypto';
import { keyNameBytes } from './ticket-key.ts';

/** The longest scope. HKDF would accept a longer one, and nobody needs it. */
export const longestScopeBytes = 255;

export const scopedKeyBytes = 88;

const purpose = Buffer.from('tlsmgr scoped ticket key 1 ', 'latin1');

const aesStart = 16;
const hmacStart = 32;
const sealFromStart = 64;
const sealUntilStart = 72;
const openUntilStart = 80;

/** A key's times, in seconds since 1970. */
export interface KeyTimes {
  sealFromSeconds: number;
  sealUntilSeconds: number;
  openUntilSeconds: number;
}

/** A ticket key of a scope: for AES-128-CBC and HMAC-SHA-256. */
export interface ScopedKey extends KeyTimes {
  /** 16 bytes, with which a ticket begins. */
  name: Buffer;
  /** 16 bytes. */
  aes: Buffer;
  /** 32 bytes. */
  hmac: Buffer;
}

/**
 * Writes the key of a scope in wire form to target[at ...].
 * @param ringKey name and 64 secret bytes, the first 80 of a ticket key.
 * @param scope 1 to 255 bytes.
 */
export function writeScopedKey(
  target: Buffer,
  at: number,
  ringKey: Buffer,
  times: KeyTimes,
  scope: Buffer,
): void {
  const name = ringKey.subarray(0, keyNameBytes);
  const secret = ringKey.subarray(keyNameBytes, 80);
  const info = Buffer.concat([purpose, scope]);
  const derived = Buffer.from(hkdfSync('sha256', secret, name, info, sealFromStart - aesStart));
  name.copy(target, at);
  derived.copy(target, at + aesStart);
  derived.fill(0);
  target.writeBigInt64BE(BigInt(times.sealFromSeconds), at + sealFromStart);
  target.writeBigInt64BE(BigInt(times.sealUntilSeconds), at + sealUntilStart);
  target.writeBigInt64BE(BigInt(times.openUntilSeconds), at + openUntilStart);
}

/**
 * Reads keys in wire form, one after the other. Each gets memory of its own.
 * @returns undefined if the bytes aren't a number of whole keys.
 */
export function readScopedKeys(bytes: Buffer): ScopedKey[] | undefined {
  if (bytes.length % scopedKeyBytes !== 0) {
    return undefined;
  }
  const keys: ScopedKey[] = [];
  for (let at = 0; at < bytes.length; at += scopedKeyBytes) {
    const part = (start: number, end: number): Buffer => {
      const copy = Buffer.allocUnsafeSlow(end - start);
      bytes.copy(copy, 0, at + start, at + end);
      return copy;
    };
    keys.push({
      name: part(0, aesStart),
      aes: part(aesStart, hmacStart),
      hmac: part(hmacStart, sealFromStart),
      sealFromSeconds: Number(bytes.readBigInt64BE(at + sealFromStart)),
      sealUntilSeconds: Number(bytes.readBigInt64BE(at + sealUntilStart)),
      openUntilSeconds: Number(bytes.readBigInt64BE(at + openUntilStart)),
    });
  }
  return keys;
}

/**
 * Whether a part is zero or has equal halves, or one part contains another. No
 * derivation makes such a key.
 */
export function isWeakScopedKey({ name, aes, hmac }: ScopedKey): boolean {
  return [name, aes, hmac].some(halvesEqual) || hmac.includes(aes) || aes.equals(name);
}

function halvesEqual(part: Buffer): boolean {
  const half = part.length / 2;
  return part.compare(part, 0, half, half) === 0;
}
