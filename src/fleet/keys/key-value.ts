/**
 * What the engine keeps of a ticket key, before it is sealed:
 *
 *      0   1  version: 1
 *      1   6  origin: the period of the random key that it is or goes back to
 *      7   6  put there at, milliseconds since 1970, by the engine's clock
 *     13  80  name, AES key, HMAC key
 *     93   -  name of the host that made the random key, 0 to 255 bytes
 *
 * Numbers are unsigned, the most significant byte first.
 */
import { isWeakTicketKey, keyNameBytes } from '../../tickets/ticket-key.ts';
import { secretBytes } from './known-key.ts';

/** A key can be continued through so many periods. */
export const longestContinuation = 50;

const version = 1;
const originStart = 1;
const putAtStart = 7;
const numberBytes = 6;
const keyStart = 13;
const makerStart = keyStart + secretBytes;
const longestMakerBytes = 255;
const printable = /^[\u0021-\u007e]*$/u;

export interface KeyValue {
  readonly origin: number;
  readonly putAtMs: number;
  /** 80 bytes. */
  readonly key: Buffer;
  /** Printable; empty when it isn't known. */
  readonly maker: string;
}

/** @returns memory of its own. The caller overwrites it. */
export function writeKeyValue({ origin, putAtMs, key, maker }: KeyValue): Buffer {
  const makerBytes = Buffer.from(maker, 'utf8').subarray(0, longestMakerBytes);
  const bytes = Buffer.allocUnsafeSlow(makerStart + makerBytes.length);
  bytes[0] = version;
  bytes.writeUIntBE(origin, originStart, numberBytes);
  bytes.writeUIntBE(putAtMs, putAtStart, numberBytes);
  key.copy(bytes, keyStart, 0, secretBytes);
  makerBytes.copy(bytes, makerStart);
  return bytes;
}

/**
 * Reads a value that was opened.
 * @param period that it was found in.
 * @param field that it was found under.
 * @returns the value, with the key as part of `bytes`; undefined when it is damaged
 * or its key is weak.
 */
export function readKeyValue(bytes: Buffer, period: number, field: string): KeyValue | undefined {
  if (bytes.length < makerStart || bytes.length > makerStart + longestMakerBytes) {
    return undefined;
  }
  const origin = bytes.readUIntBE(originStart, numberBytes);
  const key = bytes.subarray(keyStart, makerStart);
  if (
    bytes[0] !== version ||
    origin > period ||
    origin < period - longestContinuation ||
    key.toString('base64url', 0, keyNameBytes) !== field ||
    isWeakTicketKey(key)
  ) {
    return undefined;
  }
  const maker = bytes.toString('utf8', makerStart);
  return {
    origin,
    putAtMs: bytes.readUIntBE(putAtStart, numberBytes),
    key,
    maker: printable.test(maker) ? maker : '',
  };
}

/** @returns the 16 bytes that a field names; undefined when it is no field of a key. */
export function nameOfField(field: string): Buffer | undefined {
  if (field.length !== 22) {
    return undefined;
  }
  const name = Buffer.from(field, 'base64url');
  return name.length === keyNameBytes && name.toString('base64url') === field ? name : undefined;
}
