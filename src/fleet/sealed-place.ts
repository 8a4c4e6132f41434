/**
 * The place that a sealed value belongs to. It goes into the key and into the
 * associated data, so that the value opens in no other place:
 *
 *                key                  associated data: the value's bytes 0 to 10, then
 *     session    K("session HOUR")    "session HOUR" 0 label 0 id
 *     key        K("keys n")          "keys n" 0 set 0 u32 P u64 n name
 *     heartbeat  K("heartbeat")       "heartbeat" 0 field 0
 *
 * HOUR is the one of the expiry, in hours since 1970. So each key seals so few
 * values that random nonces don't meet.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { ByteSpan } from '../sessions/session-cache.ts';
import type { KeyPlace } from './seals.ts';

export interface Place {
  readonly purpose: string;
  /** A label, a set or a field. */
  readonly scope: string;
  readonly rest: Uint8Array;
}

const hourMs = 3_600_000;
const nothing = new Uint8Array(0);

export function sessionPlace(cache: CacheName, id: ByteSpan, expiresAtMs: number): Place {
  const hour = Math.floor(expiresAtMs / hourMs);
  return { purpose: `session ${hour}`, scope: cache, rest: bytesOf(id) };
}

export function ticketKeyPlace({ set, periodSeconds, period, name }: KeyPlace): Place {
  const rest = Buffer.concat([periodBytes(periodSeconds, period), name]);
  return { purpose: `keys ${period}`, scope: set, rest };
}

export function heartbeatPlace(field: string): Place {
  return { purpose: 'heartbeat', scope: field, rest: nothing };
}

/** What keys are derived from for a period: "ticket" 0 set 0 u32 P u64 n. */
export function derivedPurpose(set: string, periodSeconds: number, period: number): Buffer {
  return Buffer.concat([Buffer.from(`ticket\0${set}\0`), periodBytes(periodSeconds, period)]);
}

/** @param head the value's bytes before the nonce. */
export function associatedData(head: Buffer, { purpose, scope, rest }: Place): Buffer {
  return Buffer.concat([head, Buffer.from(`${purpose}\0${scope}\0`), rest]);
}

/** u32 P u64 n, most significant byte first. */
function periodBytes(periodSeconds: number, period: number): Buffer {
  const bytes = Buffer.allocUnsafe(12);
  bytes.writeUInt32BE(periodSeconds, 0);
  bytes.writeBigUInt64BE(BigInt(period), 4);
  return bytes;
}

/** No copy. */
export function bytesOf({ buffer, start, end }: ByteSpan): Buffer {
  return buffer.subarray(start, end);
}
