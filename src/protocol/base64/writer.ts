/** Bytes to base64 of RFC 4648, by the fastest of three ways. */
import { encodedLength, pad } from './format.ts';
import { longestSimdText, type SimdBase64, sharedSimdBase64 } from './simd.ts';
import { encodeText } from './text.ts';

/** Up to here a loop beats what has to be called: seeds and keys. */
const longestShortData = 120;

const alphabet = Buffer.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  'latin1',
);

/** Writes data[start, end) to `offset` of the target, which has room. @returns the characters written. */
export function writeBase64(
  data: Buffer,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
  simdOf: () => SimdBase64 | undefined = sharedSimdBase64,
): number {
  if (end - start <= longestShortData) {
    return writeShort(data, start, end, target, offset);
  }
  const simd = encodedLength(end - start) <= longestSimdText ? simdOf() : undefined;
  return simd === undefined
    ? encodeText(data, start, end, target, offset)
    : simd.encode(data, start, end, target, offset);
}

function writeShort(
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
