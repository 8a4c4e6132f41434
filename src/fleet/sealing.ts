/**
 * Seals (encrypts and authenticates) what goes to the engine. A sealed value is
 *
 *      0   1  0x01, the version of this layout
 *      1   4  secret id: the first bytes of K("id")
 *      5   6  expiry, milliseconds since 1970, most significant byte first
 *     11  12  random nonce
 *     23      ciphertext of AES-256-GCM
 *         16  tag
 *
 * K is in subkeys.ts, and sealed-place.ts has the key and the associated data of
 * each kind of value. Keys of the engine, and fields of heartbeats, are the first
 * 22 characters of base64url of
 *
 *     session    HMAC-SHA-256(K("name"), label 0 id)
 *     heartbeat  HMAC-SHA-256(K("host"), host)
 *
 * A derived ticket key is 80 bytes of K("ticket" 0 set 0 u32 P u64 n).
 */
import { createHmac } from 'node:crypto';
import type { CacheName } from '../config/cache-names.ts';
import type { ByteSpan } from '../sessions/session-cache.ts';
import { gcmExtraBytes, gcmOpen, gcmSealInto } from '../system/aes-gcm.ts';
import {
  associatedData,
  bytesOf,
  derivedPurpose,
  heartbeatPlace,
  type Place,
  sessionPlace,
  ticketKeyPlace,
} from './sealed-place.ts';
import { type KeyPlace, longestSealedBytes, type OpenedValue, type Seals } from './seals.ts';
import { fleetSecretBytes, mostFleetSecrets } from './secret-file.ts';
import { Subkeys } from './subkeys.ts';

const version = 1;
const idStart = 1;
const expiryStart = 5;
const expiryBytes = 6;
const nonceStart = 11;

/** Bytes that sealing adds. */
export const sealedExtraBytes = nonceStart + gcmExtraBytes;

const longestSealedKeyBytes = 512;
const longestSealedHeartbeatBytes = 33_000;

const nameCharacters = 22;
const derivedKeyBytes = 80;

/** How much the clocks of two hosts may differ. */
const slackMs = 300_000;
/** A key is in the engine for so long after its last period. */
const keySlackMs = 600_000;
/** A host is known for an hour after its heartbeat, also when its clock is far ahead. */
const heartbeatMs = 7_200_000;

interface Secret {
  readonly id: Buffer;
  readonly keys: Subkeys;
}

/** @param secrets one to three of 32 bytes, which belong to the seals from now on. */
export function sealsOf(secrets: readonly Buffer[]): Seals {
  const isRight = secrets.every(({ length }) => length === fleetSecretBytes);
  if (!isRight || secrets.length === 0 || secrets.length > mostFleetSecrets) {
    throw new RangeError(`not one to ${mostFleetSecrets} secrets of ${fleetSecretBytes} bytes`);
  }
  return new SecretSeals(secrets);
}

class SecretSeals implements Seals {
  #secrets: readonly Secret[];
  #forged = 0;

  constructor(secrets: readonly Buffer[]) {
    this.#secrets = secrets.map((secret) => {
      const keys = new Subkeys(secret);
      return { id: Buffer.from(keys.of('id').subarray(0, expiryStart - idStart)), keys };
    });
  }

  get secrets(): number {
    return this.#secrets.length;
  }

  get forged(): number {
    return this.#forged;
  }

  hasExpired(sealed: Buffer, nowMs: number): boolean {
    return isOurs(sealed) && expiryOf(sealed) <= nowMs;
  }

  sessionKeys(cache: CacheName, id: ByteSpan): string[] {
    const bytes = bytesOf(id);
    return this.#secrets.map(({ keys }) => {
      const hmac = createHmac('sha256', keys.of('name')).update(`${cache}\0`).update(bytes);
      return `s:${cache}:${hmac.digest('base64url').slice(0, nameCharacters)}`;
    });
  }

  sealSession(cache: CacheName, id: ByteSpan, expiresAtMs: number, session: ByteSpan): Buffer {
    return this.#seal(sessionPlace(cache, id, expiresAtMs), expiresAtMs, bytesOf(session));
  }

  openSession(
    cache: CacheName,
    id: ByteSpan,
    sealed: Buffer,
    nowMs: number,
    lifetimeSeconds: number,
  ): OpenedValue | undefined {
    const latestMs = nowMs + lifetimeSeconds * 1000 + slackMs;
    return this.#open(sealed, nowMs, latestMs, (at) => sessionPlace(cache, id, at));
  }

  sealKey(place: KeyPlace, expiresAtMs: number, value: Buffer): Buffer {
    return this.#seal(ticketKeyPlace(place), expiresAtMs, value);
  }

  openKey(place: KeyPlace, sealed: Buffer, nowMs: number): OpenedValue | undefined {
    const latestMs = (place.period + 2) * place.periodSeconds * 1000 + keySlackMs;
    return sealed.length > longestSealedKeyBytes
      ? undefined
      : this.#open(sealed, nowMs, latestMs, () => ticketKeyPlace(place));
  }

  derivedKeys(set: string, periodSeconds: number, period: number): Buffer[] {
    const purpose = derivedPurpose(set, periodSeconds, period);
    return this.#secrets.map(({ keys }) => keys.derive(purpose, derivedKeyBytes));
  }

  heartbeatField(host: string): string {
    const hmac = createHmac('sha256', this.#first().keys.of('host')).update(host);
    return hmac.digest('base64url').slice(0, nameCharacters);
  }

  sealHeartbeat(field: string, expiresAtMs: number, value: Buffer): Buffer {
    return this.#seal(heartbeatPlace(field), expiresAtMs, value);
  }

  openHeartbeat(field: string, sealed: Buffer, nowMs: number): OpenedValue | undefined {
    const latestMs = nowMs + heartbeatMs;
    return sealed.length > longestSealedHeartbeatBytes
      ? undefined
      : this.#open(sealed, nowMs, latestMs, () => heartbeatPlace(field));
  }

  wipe(): void {
    for (const { keys } of this.#secrets) {
      keys.wipe();
    }
    // Nothing is sealed with what is left of them.
    this.#secrets = [];
  }

  #first(): Secret {
    const [first] = this.#secrets;
    if (first === undefined) {
      throw new Error('the secrets of the fleet have been overwritten');
    }
    return first;
  }

  #seal(place: Place, expiresAtMs: number, value: Uint8Array): Buffer {
    const { id, keys } = this.#first();
    const sealed = Buffer.allocUnsafeSlow(sealedExtraBytes + value.length);
    sealed[0] = version;
    id.copy(sealed, idStart);
    sealed.writeUIntBE(Math.floor(expiresAtMs), expiryStart, expiryBytes);
    const associated = associatedData(sealed.subarray(0, nonceStart), place);
    gcmSealInto(sealed.subarray(nonceStart), keys.of(place.purpose), value, associated);
    return sealed;
  }

  /** The cheap checks come first: most of what isn't ours fails one of them. */
  #open(
    sealed: Buffer,
    nowMs: number,
    latestMs: number,
    placeAt: (expiresAtMs: number) => Place,
  ): OpenedValue | undefined {
    if (sealed.length > longestSealedBytes || !isOurs(sealed)) {
      return undefined;
    }
    const expiresAtMs = expiryOf(sealed);
    if (!(nowMs < expiresAtMs && expiresAtMs <= latestMs)) {
      return undefined;
    }
    for (const { id, keys } of this.#secrets) {
      if (id.compare(sealed, idStart, expiryStart) === 0) {
        const place = placeAt(expiresAtMs);
        const associated = associatedData(sealed.subarray(0, nonceStart), place);
        const bytes = gcmOpen(sealed.subarray(nonceStart), keys.of(place.purpose), associated);
        if (bytes !== undefined) {
          return { bytes, expiresAtMs };
        }
        this.#forged += 1;
      }
    }
    return undefined;
  }
}

/** As far as its layout tells. */
function isOurs(sealed: Buffer): boolean {
  return sealed.length >= sealedExtraBytes && sealed[0] === version;
}

function expiryOf(sealed: Buffer): number {
  return sealed.readUIntBE(expiryStart, expiryBytes);
}
