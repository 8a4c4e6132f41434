/**
 * Numbers as they stand on the wire.
 *
 *     number = *blank [sign] 1*digit      ; taken modulo 2^32, then as signed
 *
 * Follows src/util/attr_scan0.c, but refuses numbers beyond 64 bits (C takes
 * them for -1).
 */

const blank = 0x20;
const tab = 0x09;
const carriageReturn = 0x0d;
const plus = 0x2b;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;

/** No number of 64 bits has more digits, leading zeros aside. */
const longestDigits = 20;
const largest64 = 2n ** 64n - 1n;

/** @returns the signed 32-bit number at buffer[start, end), or undefined when it is malformed. */
export function readNumber(buffer: Buffer, start: number, end: number): number | undefined {
  let at = start;
  while (at < end && isBlank(buffer[at]!)) {
    at += 1;
  }
  let negative = false;
  if (at < end && (buffer[at] === plus || buffer[at] === minus)) {
    negative = buffer[at] === minus;
    at += 1;
  }
  const firstDigit = at;
  let value = 0;
  for (; at < end; at += 1) {
    const digit = buffer[at]!;
    if (digit < zero || digit > nine) {
      return undefined;
    }
    value = value * 10 + (digit - zero);
  }
  if (at === firstDigit) {
    return undefined;
  }
  if (value > Number.MAX_SAFE_INTEGER) {
    return readLongNumber(buffer.toString('latin1', firstDigit, end), negative);
  }
  const low = value % 2 ** 32;
  return (negative ? -low : low) | 0;
}

function readLongNumber(digits: string, negative: boolean): number | undefined {
  const significant = digits.replace(/^0+/u, '');
  if (significant.length > longestDigits || BigInt(significant) > largest64) {
    return undefined;
  }
  const value = BigInt(significant);
  return Number(BigInt.asIntN(32, negative ? -value : value));
}

function isBlank(byte: number): boolean {
  return byte === blank || (byte >= tab && byte <= carriageReturn);
}
