/**
 * Base64 of RFC 4648 a character at a time: for data that is too short or too
 * long for simd.ts, and for where there is none. Node's own way goes over
 * strings, which nobody can overwrite.
 */
import { pad } from './format.ts';

const alphabet = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  'latin1',
);

/** The value of a character outside the alphabet: it has a bit that no sextet has. */
const nothing = 0x80;
const sextets = new Uint8Array(256).fill(nothing);
for (const [sextet, letter] of alphabet.entries()) {
  sextets[letter] = sextet;
}

/**
 * Decodes text[start, end), without its padding, to the start of the target.
 * @returns whether all characters are of the alphabet.
 */
export function decodeScalar(text: Buffer, start: number, end: number, target: Buffer): boolean {
  let seen = 0;
  let to = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const first = sextets[text[at]!]!;
    const second = sextets[text[at + 1]!]!;
    const third = sextets[text[at + 2]!]!;
    const fourth = sextets[text[at + 3]!]!;
    seen |= first | second | third | fourth;
    target[to] = (first << 2) | (second >> 4);
    target[to + 1] = (second << 4) | (third >> 2);
    target[to + 2] = (third << 6) | fourth;
    to += 3;
  }
  if (at < end) {
    const first = sextets[text[at]!]!;
    const second = sextets[text[at + 1]!]!;
    const third = at + 2 < end ? sextets[text[at + 2]!]! : 0;
    seen |= first | second | third;
    target[to] = (first << 2) | (second >> 4);
    if (at + 2 < end) {
      target[to + 1] = (second << 4) | (third >> 2);
    }
  }
  return (seen & nothing) === 0;
}

/** Writes data[start, end) as text to `offset` of the target. @returns the characters written. */
export function encodeScalar(
  data: Buffer,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
): number {
  let to = offset;
  for (let at = start; at < end; at += 3) {
    const second = at + 1 < end ? data[at + 1]! : 0;
    const third = at + 2 < end ? data[at + 2]! : 0;
    const bits = (data[at]! << 16) | (second << 8) | third;
    target[to] = alphabet[bits >> 18]!;
    target[to + 1] = alphabet[(bits >> 12) & 63]!;
    target[to + 2] = at + 1 < end ? alphabet[(bits >> 6) & 63]! : pad;
    target[to + 3] = at + 2 < end ? alphabet[bits & 63]! : pad;
    to += 4;
  }
  return to - offset;
}
