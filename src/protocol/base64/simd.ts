/**
 * Base64 by WebAssembly, sixteen characters at a time (simd.wat). It is several
 * times faster than scalar.ts. It works in memory of its own, and overwrites that
 * before a call returns. Only decoded data stays there: the caller wipes it.
 *
 * The instance is made for the first data, since it takes 1.5 MB and most of a
 * millisecond. Where WebAssembly or its vectors can't be used (an old processor,
 * a limit on address space), scalar.ts does the work.
 */
import { wipe } from '../../system/secret-memory.ts';
import { encodedLength, pad } from './format.ts';
import { simdModule } from './simd-module.ts';

/** As much as Node's WebAssembly is needed here; its types come with the browser's only. */
export interface WebAssemblyEngine {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
}

interface Exports {
  memory: { buffer: ArrayBuffer };
  decode: (from: number, length: number, to: number) => number;
  encode: (from: number, length: number, to: number) => void;
}

/** Longer text is left to scalar.ts. */
export const longestSimdText = 128 * 1024;

/** What the loops may read or write behind the end. */
const vectorBytes = 16;

// One place each, so that what was decoded outlasts replies that are encoded. The
// result overwrites its source, so that there is less to overwrite afterwards.
const constantsEnd = 1024;
const decodeAt = constantsEnd;
const encodeAt = decodeAt + longestSimdText + 2 * vectorBytes;

const fourTimesA = 0x41414141;

const { copy } = Buffer.prototype;

export class SimdBase64 {
  readonly #memory: Buffer<ArrayBuffer>;
  readonly #view: DataView;
  readonly #decode: Exports['decode'];
  readonly #encode: Exports['encode'];
  /** Bytes that decode() has used and that are not wiped yet. */
  #decodedBytes = 0;

  constructor(exports: Exports) {
    this.#decode = exports.decode;
    this.#encode = exports.encode;
    this.#memory = Buffer.from(exports.memory.buffer);
    this.#view = new DataView(exports.memory.buffer);
  }

  /**
   * Decodes text[start, end) without its padding, of longestSimdText characters
   * at most. What comes of it stays until wipeDecoded(). @returns whether all of
   * them are of the alphabet.
   */
  decode(text: Buffer, start: number, end: number): boolean {
    const length = end - start;
    const vectors = wholeVectors(length);
    this.#decodedBytes = Math.max(this.#decodedBytes, vectors + vectorBytes);
    copy.call(text, this.#memory, decodeAt, start, end);
    const stop = decodeAt + length;
    for (let at = stop; at < stop + vectorBytes; at += 4) {
      this.#view.setInt32(at, fourTimesA, true);
    }
    // Twelve bytes are written behind where the next sixteen characters are read.
    return this.#decode(decodeAt, vectors, decodeAt) === 0;
  }

  /** Overwrites what has been decoded. */
  wipeDecoded(): void {
    if (this.#decodedBytes > 0) {
      wipe(this.#memory, decodeAt, decodeAt + this.#decodedBytes);
      this.#decodedBytes = 0;
    }
  }

  /** The first `length` bytes of what was decoded last; they stay until more is decoded, or all wiped. */
  decoded(length: number): Buffer<ArrayBuffer> {
    return this.#memory.subarray(decodeAt, decodeAt + length);
  }

  /**
   * Writes data[start, end) as text of longestSimdText characters at most to
   * `offset` of the target. @returns the characters written.
   */
  encode(data: Buffer, start: number, end: number, target: Buffer, offset: number): number {
    const memory = this.#memory;
    const length = end - start;
    const characters = encodedLength(length);
    // Sixteen characters are written for twelve bytes: so far ahead must the bytes lie
    // that the text, which grows by four a step, doesn't reach those still to be read.
    const plainAt = encodeAt + 4 * Math.ceil(length / 12);
    copy.call(data, memory, plainAt, start, end);
    this.#view.setInt32(plainAt + length, 0, true);
    this.#encode(plainAt, length, encodeAt);
    const stop = encodeAt + characters;
    const over = length % 3;
    if (over !== 0) {
      memory[stop - 1] = pad;
      if (over === 1) {
        memory[stop - 2] = pad;
      }
    }
    copy.call(memory, target, offset, encodeAt, stop);
    wipe(memory, encodeAt, stop + vectorBytes);
    return characters;
  }
}

function wholeVectors(length: number): number {
  return (length + vectorBytes - 1) & -vectorBytes;
}

/** @returns undefined where the engine can't. */
export function openSimdBase64(engine: WebAssemblyEngine | undefined): SimdBase64 | undefined {
  const bytes = Buffer.from(simdModule, 'base64');
  if (engine?.validate(bytes) !== true) {
    return undefined;
  }
  try {
    const { exports } = new engine.Instance(new engine.Module(bytes));
    return new SimdBase64(exports as Exports);
  } catch (error) {
    if (error instanceof RangeError) {
      // No room for it in the address space.
      return undefined;
    }
    throw error;
  }
}

let shared: { simd: SimdBase64 | undefined } | undefined;

/** The one of this process. */
export function sharedSimdBase64(): SimdBase64 | undefined {
  shared ??= {
    simd: openSimdBase64((globalThis as { WebAssembly?: WebAssemblyEngine }).WebAssembly),
  };
  return shared.simd;
}
