/**
 * One reply, read out of the bytes that have come. What is given away is a copy:
 * nothing of it lies in the buffer that was read into. A reply that can't be
 * understood is TlsmgrError `UNAVAILABLE`, without its values.
 */
import { TlsmgrError } from '../errors.ts';
import { Base64Reader } from '../protocol/base64/reader.ts';
import { type Decoder, maxStrings } from '../protocol/decoder.ts';
import { statusName } from '../protocol/names.ts';
import { readNumber } from '../protocol/numbers.ts';
import { unmovedBuffer } from '../system/secret-memory.ts';

const reader = new Base64Reader();

export class Reply {
  readonly #list: Decoder;

  /** @param list with a complete list in it; the reply is good until the list's next one. */
  constructor(list: Decoder) {
    this.#list = list;
  }

  /** Its attributes' names, in their order. */
  get names(): string[] {
    const pairs = Math.min(this.#list.stringCount, maxStrings) >> 1;
    return Array.from({ length: pairs }, (_, index) => this.#string(index * 2));
  }

  get status(): number {
    return this.number(statusName);
  }

  /** A signed 32-bit number. */
  number(name: string): number {
    const at = this.#valueAt(name);
    const { buffer, bounds } = this.#list;
    const value = readNumber(buffer, bounds[at * 2]!, bounds[at * 2 + 1]!);
    if (value === undefined) {
      throw malformed(`${name} is no number`);
    }
    return value;
  }

  text(name: string): string {
    return this.#string(this.#valueAt(name));
  }

  /** Bytes in memory of their own, which are the caller's to overwrite. */
  data(name: string): Buffer {
    const at = this.#valueAt(name);
    const { buffer, bounds } = this.#list;
    try {
      if (!reader.read(buffer, bounds[at * 2]!, bounds[at * 2 + 1]!)) {
        throw malformed(`${name} is no base64`);
      }
      const bytes = unmovedBuffer(reader.bytes.length);
      reader.bytes.copy(bytes);
      return bytes;
    } finally {
      reader.wipe();
    }
  }

  /** The number of the string that is the value of an attribute. */
  #valueAt(name: string): number {
    const { stringCount, bounds, buffer } = this.#list;
    const kept = Math.min(stringCount, maxStrings);
    for (let index = 0; index + 1 < kept; index += 2) {
      const start = bounds[index * 2]!;
      if (bounds[index * 2 + 1]! - start === name.length && isAt(buffer, start, name)) {
        return index + 1;
      }
    }
    throw malformed(`${name} is missing`);
  }

  #string(index: number): string {
    const { buffer, bounds } = this.#list;
    return buffer.toString('utf8', bounds[index * 2], bounds[index * 2 + 1]);
  }
}

/** @param what is wrong; without a value of the reply. */
export function malformed(what: string): TlsmgrError {
  return new TlsmgrError('UNAVAILABLE', `a reply is malformed: ${what}`);
}

function isAt(buffer: Buffer, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index += 1) {
    if (buffer[start + index] !== name.charCodeAt(index)) {
      return false;
    }
  }
  return true;
}
