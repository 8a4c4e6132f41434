/**
 * Hexadecimal digits of secrets, as the bytes of a text. Nothing here makes a
 * string, as a string can't be overwritten.
 */
import { unmovedBuffer, wipe } from './secret-memory.ts';

const digits = Buffer.from('0123456789abcdef', 'latin1');

/** @returns 0 to 15; undefined for any other character. */
export function hexDigit(character: number): number | undefined {
  if (character >= 0x30 && character <= 0x39) {
    return character - 0x30;
  }
  const letter = character | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : undefined;
}

/**
 * The bytes that text[start, end) stands for, in memory of their own.
 * @returns undefined unless it has two digits for each byte, and nothing else.
 */
export function bytesOfHex(text: Uint8Array, start: number, end: number): Buffer | undefined {
  const length = (end - start) / 2;
  if (!Number.isInteger(length)) {
    return undefined;
  }
  const bytes = unmovedBuffer(length);
  for (let index = 0; index < length; index += 1) {
    const high = hexDigit(text[start + index * 2]!);
    const low = hexDigit(text[start + index * 2 + 1]!);
    if (high === undefined || low === undefined) {
      wipe(bytes, 0, length);
      return undefined;
    }
    bytes[index] = (high << 4) | low;
  }
  return bytes;
}

/** Writes two digits for each byte to target[at ...]. @returns where they end. */
export function writeHex(target: Uint8Array, at: number, bytes: Uint8Array): number {
  let end = at;
  for (const byte of bytes) {
    target[end] = digits[byte >> 4]!;
    target[end + 1] = digits[byte & 0x0f]!;
    end += 2;
  }
  return end;
}
