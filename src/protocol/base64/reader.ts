/**
 * Base64 of RFC 4648 to bytes: padded, in one line, nothing for no bytes.
 *
 * Follows src/util/base64_code.c, but refuses data after padding (C drops it).
 */
import { pad } from './format.ts';
import { decodeScalar } from './scalar.ts';
import { longestSimdText, type SimdBase64, sharedSimdBase64 } from './simd.ts';

const initialBytes = 8192;

const noBytes = Buffer.alloc(0);

export class Base64Reader {
  /** What read() read last, as a whole, until wipe(); the next call uses the memory again. */
  bytes: Buffer = noBytes;
  readonly #simdOf: () => SimdBase64 | undefined;
  /** The last that read() has made use of, until wipe(). */
  #simd: SimdBase64 | undefined;
  /** For what is read without it. */
  #target: Buffer = noBytes;
  #inTarget = false;
  /** Bytes of the target that hold something. */
  #targetUsed = 0;

  /** @param simdOf asked when there is data, for what decodes it faster. */
  constructor(simdOf: () => SimdBase64 | undefined = sharedSimdBase64) {
    this.#simdOf = simdOf;
  }

  /** Reads the text of buffer[start, end) into `bytes`. @returns whether it is well formed. */
  read(buffer: Buffer, start: number, end: number): boolean {
    const length = end - start;
    if (length === 0) {
      this.bytes = noBytes;
      return true;
    }
    if ((length & 3) !== 0) {
      return false;
    }
    const pads = padsOf(buffer, end);
    const expected = (length >> 2) * 3 - pads;
    const simd = length <= longestSimdText ? this.#simdOf() : undefined;
    if (simd === undefined) {
      return this.#readScalar(buffer, start, end - pads, expected);
    }
    this.#simd = simd;
    if (!simd.decode(buffer, start, end - pads)) {
      return false;
    }
    // Sessions of one kind have one length: the last view often does.
    if (this.bytes.length !== expected || this.#inTarget) {
      this.bytes = simd.decoded(expected);
      this.#inTarget = false;
    }
    return true;
  }

  /** Overwrites all that has been read. */
  wipe(): void {
    if (this.#simd !== undefined) {
      this.#simd.wipeDecoded();
      this.#simd = undefined;
    }
    if (this.#targetUsed > 0) {
      this.#target.fill(0, 0, this.#targetUsed);
      this.#targetUsed = 0;
    }
  }

  #readScalar(buffer: Buffer, start: number, end: number, expected: number): boolean {
    if (expected > this.#target.length) {
      this.#target.fill(0);
      this.#target = Buffer.allocUnsafeSlow(Math.max(initialBytes, expected * 2));
      this.bytes = noBytes;
    }
    this.#targetUsed = Math.max(this.#targetUsed, expected);
    if (!decodeScalar(buffer, start, end, this.#target)) {
      return false;
    }
    if (this.bytes.length !== expected || !this.#inTarget) {
      this.bytes = this.#target.subarray(0, expected);
      this.#inTarget = true;
    }
    return true;
  }
}

function padsOf(buffer: Buffer, end: number): number {
  if (buffer[end - 1] !== pad) {
    return 0;
  }
  return buffer[end - 2] === pad ? 2 : 1;
}
