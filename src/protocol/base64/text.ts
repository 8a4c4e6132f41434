/**
 * Base64 by way of strings, as every Node can: for what simd.ts is too small
 * for, and where there is none.
 *
 * The methods are those that Buffer's toString() and write() come down to:
 * theirs take care of encodings and defaults first, which costs as much as the
 * work on a few hundred bytes. They aren't documented, though every Node has
 * them; one without is served by the documented way.
 */

interface DirectMethods {
  latin1Slice(this: Buffer, start: number, end: number): string;
  base64Slice(this: Buffer, start: number, end: number): string;
  latin1Write(this: Buffer, text: string, offset: number, length: number): number;
  base64Write(this: Buffer, text: string, offset: number, length: number): number;
}

const { latin1Slice, base64Slice, latin1Write, base64Write } =
  Buffer.prototype as unknown as Partial<DirectMethods>;

/**
 * Decodes the text of buffer[start, end) to the start of the target. Node's
 * decoder skips what isn't base64 and accepts the URL alphabet; skipped bytes
 * show in the length, the two letters of the other alphabet are looked for.
 * @returns the bytes written, or -1 for the other alphabet.
 */
export function decodeText(buffer: Buffer, start: number, end: number, target: Buffer): number {
  const text =
    latin1Slice === undefined
      ? buffer.toString('latin1', start, end)
      : latin1Slice.call(buffer, start, end);
  if (text.includes('-') || text.includes('_')) {
    return -1;
  }
  return base64Write === undefined
    ? target.write(text, 'base64')
    : base64Write.call(target, text, 0, target.length);
}

/** Writes data[start, end) as text to `offset` of the target. @returns the characters written. */
export function encodeText(
  data: Buffer,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
): number {
  if (base64Slice === undefined || latin1Write === undefined) {
    return target.write(data.toString('base64', start, end), offset, 'latin1');
  }
  const text = base64Slice.call(data, start, end);
  return latin1Write.call(target, text, offset, target.length - offset);
}
