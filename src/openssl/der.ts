/**
 * Reads DER, as far as OpenSSL's sessions need it: definite lengths and tags of
 * one byte.
 *
 *     element = tag length content
 *     length  = 0..127 | 0x80 + n, n bytes big-endian, n = 1 to 4
 *
 * It never reads outside the given range. It throws DerError for anything else.
 */

export class DerError extends Error {
  override readonly name = 'DerError';
}

export interface DerElement {
  tag: number;
  content: Buffer;
  /** Tag, length and content. */
  whole: Buffer;
}

export const derTag = {
  integer: 0x02,
  octetString: 0x04,
  sequence: 0x30,
  /** [n] EXPLICIT. */
  explicit: 0xa0,
} as const;

export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next element; undefined at the end. */
  peekTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  next(expectedTag?: number): DerElement {
    const start = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) {
      throw new DerError('a tag of several bytes');
    }
    if (expectedTag !== undefined && tag !== expectedTag) {
      throw new DerError(`tag ${tag} instead of ${expectedTag}`);
    }
    let length = this.#byte();
    if (length >= 0x80) {
      const count = length & 0x7f;
      if (count === 0 || count > 4) {
        throw new DerError('a length that is indefinite or of more than 4 bytes');
      }
      length = 0;
      for (let index = 0; index < count; index += 1) {
        length = length * 256 + this.#byte();
      }
    }
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      throw new DerError('an element that ends outside its range');
    }
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return { tag, content, whole: this.#bytes.subarray(start, end) };
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) {
      throw new DerError('an element that ends outside its range');
    }
    this.#at += 1;
    return byte;
  }
}

/** An INTEGER's content as a signed number. More than 53 bits are rounded. */
export function derInteger(content: Buffer): number {
  if (content.length === 0 || content.length > 9) {
    throw new DerError(`an integer of ${content.length} bytes`);
  }
  const negative = content[0]! >= 0x80;
  let value = 0;
  for (const byte of content) {
    value = value * 256 + byte;
  }
  return negative ? value - 2 ** (8 * content.length) : value;
}
