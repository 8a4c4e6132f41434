/**
 * Encodes attribute lists into one growing buffer. Several replies follow each
 * other in it, so a batch of replies needs one write. The grammar is in
 * decoder.ts.
 */
import { wipe } from '../system/secret-memory.ts';
import { encodedLength } from './base64/format.ts';
import { writeBase64 } from './base64/writer.ts';
import { statusName } from './names.ts';

const initialBytes = 4096;

/** Memory that is kept between batches. A larger buffer is released. */
const keptBytes = 256 * 1024;

/** The digits of a number, the longest being -2147483648 sent as 2147483648. */
const longestNumberBytes = 10;

/** A name and its NUL, ready to be copied. */
export function encodedName(name: string): Buffer {
  return Buffer.from(`${name}\0`, 'latin1');
}

const statusBytes = encodedName(statusName);

export class Encoder {
  buffer = Buffer.allocUnsafeSlow(initialBytes);
  length = 0;
  /** Up to here there are, or have been, secrets: sessions, keys and seeds are written by data(). */
  #secretEnd = 0;

  status(code: number): void {
    this.number(statusBytes, code);
  }

  /** Sent as an unsigned 32-bit number, as Postfix does: -1 is `4294967295`. */
  number(name: Buffer, value: number): void {
    this.#reserve(name.length + longestNumberBytes + 1);
    this.#copyShort(name);
    this.#digits(value >>> 0);
    this.#nul();
  }

  /** The value must hold no NUL. */
  string(name: Buffer, value: string): void {
    this.#reserve(name.length + value.length * 3 + 1);
    this.#copyShort(name);
    this.length += this.buffer.write(value, this.length, 'utf8');
    this.#nul();
  }

  /** A string that is bytes already; it must hold no NUL. */
  bytes(name: Buffer, value: Buffer): void {
    this.#reserve(name.length + value.length + 1);
    this.#copyShort(name);
    this.length += value.copy(this.buffer, this.length);
    this.#nul();
  }

  /** The bytes data[start, end) as base64. */
  data(name: Buffer, data: Buffer, start: number, end: number): void {
    this.#reserve(name.length + encodedLength(end - start) + 1);
    this.#copyShort(name);
    this.length += writeBase64(data, start, end, this.buffer, this.length);
    if (this.length > this.#secretEnd) {
      this.#secretEnd = this.length;
    }
    this.#nul();
  }

  /** A list that is encoded already. */
  list(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#copyShort(bytes);
  }

  /** Ends the list. */
  end(): void {
    this.#reserve(1);
    this.#nul();
  }

  /** Forgets what has been written, and overwrites what of it may be secret. */
  clear(): void {
    if (this.#secretEnd > 0) {
      wipe(this.buffer, 0, this.#secretEnd);
      this.#secretEnd = 0;
    }
    if (this.buffer.length > keptBytes) {
      this.buffer = Buffer.allocUnsafeSlow(initialBytes);
    }
    this.length = 0;
  }

  /** Leaves the buffer to somebody who still needs it, and overwrites it then; goes on with another. */
  giveAway(): void {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.length = 0;
    this.#secretEnd = 0;
  }

  /** From the last digit to the first, as whole numbers are divided faster than others. */
  #digits(value: number): void {
    const { buffer } = this;
    const end = this.length + digitsOf(value);
    let rest = value;
    for (let at = end - 1; at >= this.length; at -= 1) {
      const tenth = (rest / 10) >>> 0;
      buffer[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    this.length = end;
  }

  #nul(): void {
    this.buffer[this.length] = 0;
    this.length += 1;
  }

  #copyShort(bytes: Buffer): void {
    const { buffer } = this;
    let at = this.length;
    for (let index = 0; index < bytes.length; index += 1) {
      buffer[at] = bytes[index]!;
      at += 1;
    }
    this.length = at;
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, this.length);
      this.buffer.fill(0, 0, Math.max(this.length, this.#secretEnd));
      this.buffer = larger;
    }
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) {
    digits += 1;
  }
  return digits;
}
