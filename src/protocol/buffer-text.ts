/**
 * Text out of a buffer and into one, by the methods that Buffer's toString()
 * and write() come down to: theirs take care of encodings and defaults first,
 * which costs as much as the work on a few hundred bytes. They aren't
 * documented, though every Node has them; one without is served by the
 * documented way.
 */

interface DirectBuffer {
  latin1Slice(start: number, end: number): string;
  base64Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number, length: number): number;
  base64Write(text: string, offset: number, length: number): number;
}

const methods = ['latin1Slice', 'base64Slice', 'latin1Write', 'base64Write'] as const;

const isDirect = methods.every((name) => typeof Reflect.get(Buffer.prototype, name) === 'function');

function direct(buffer: Buffer): DirectBuffer {
  return buffer as unknown as DirectBuffer;
}

/** Bytes [start, end) as text, one character a byte. */
export function latin1Of(buffer: Buffer, start: number, end: number): string {
  return isDirect ? direct(buffer).latin1Slice(start, end) : buffer.toString('latin1', start, end);
}

/** Writes bytes [start, end) as base64 at `offset` of the target. @returns the bytes written. */
export function writeBase64Of(
  buffer: Buffer,
  start: number,
  end: number,
  target: Buffer,
  offset: number,
): number {
  return isDirect
    ? direct(target).latin1Write(
        direct(buffer).base64Slice(start, end),
        offset,
        target.length - offset,
      )
    : target.write(buffer.toString('base64', start, end), offset, 'latin1');
}

/** Decodes base64 to the start of the target, as far as it can. @returns the bytes written. */
export function decodeBase64(text: string, target: Buffer): number {
  return isDirect
    ? direct(target).base64Write(text, 0, target.length)
    : target.write(text, 'base64');
}
