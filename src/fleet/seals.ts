/**
 * What seals (encrypts and authenticates) the values that go to the engine, and
 * names their keys there. sealing.ts makes one from the secrets of the fleet: the
 * first secret seals, and all open.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { ByteSpan } from '../sessions/session-cache.ts';

/** Where a ticket key belongs. It can't be opened in another place. */
export interface KeyPlace {
  /** tlsmgr_fleet_key_set. */
  readonly set: string;
  readonly periodSeconds: number;
  readonly period: number;
  /** 16 bytes. */
  readonly name: Buffer;
}

/** Longer sessions aren't read and not opened, so that a faulty engine can't keep the process busy. */
export const longestSealedBytes = 1_048_576;

/**
 * When so many forged values were found in one reading of the engine, the rest of
 * it isn't opened. So an engine can't keep the process busy.
 */
export const mostForged = 64;

export interface OpenedValue {
  /** Memory of its own. The caller overwrites it. */
  readonly bytes: Buffer;
  /** Milliseconds since 1970, as the sealer wrote it. */
  readonly expiresAtMs: number;
}

export interface Seals {
  /** How many secrets there are. */
  readonly secrets: number;
  /**
   * Values that a secret ought to have opened, by what they say of themselves, and
   * hasn't. Each has cost the decryption of all of it.
   */
  readonly forged: number;
  /** What a value says of itself, which wasn't opened: its time is over. */
  hasExpired(sealed: Buffer, nowMs: number): boolean;

  /** The engine's keys for a session, without the prefix: one a secret, that of the first secret first. */
  sessionKeys(cache: CacheName, id: ByteSpan): string[];
  sealSession(cache: CacheName, id: ByteSpan, expiresAtMs: number, session: ByteSpan): Buffer;
  /** @returns undefined when no secret opens it, or its expiry isn't within the lifetime from now on. */
  openSession(
    cache: CacheName,
    id: ByteSpan,
    sealed: Buffer,
    nowMs: number,
    lifetimeSeconds: number,
  ): OpenedValue | undefined;

  sealKey(place: KeyPlace, expiresAtMs: number, value: Buffer): Buffer;
  openKey(place: KeyPlace, sealed: Buffer, nowMs: number): OpenedValue | undefined;
  /** 80 bytes (name, AES, HMAC) a secret, that of the first secret first. The caller overwrites them. */
  derivedKeys(set: string, periodSeconds: number, period: number): Buffer[];

  /** The field of a host's heartbeat. */
  heartbeatField(host: string): string;
  sealHeartbeat(field: string, expiresAtMs: number, value: Buffer): Buffer;
  openHeartbeat(field: string, sealed: Buffer, nowMs: number): OpenedValue | undefined;

  /** Overwrites all secrets. */
  wipe(): void;
}
