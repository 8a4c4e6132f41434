/** Bytes to base64 of RFC 4648, by the faster of two ways. */
import { encodedLength } from './format.ts';
import { encodeScalar } from './scalar.ts';
import { longestSimdText, type SimdBase64, sharedSimdBase64 } from './simd.ts';

/** Up to here a loop beats what has to be called: seeds and keys. */
const longestShortData = 120;

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
    return encodeScalar(data, start, end, target, offset);
  }
  const simd = encodedLength(end - start) <= longestSimdText ? simdOf() : undefined;
  return simd === undefined
    ? encodeScalar(data, start, end, target, offset)
    : simd.encode(data, start, end, target, offset);
}
