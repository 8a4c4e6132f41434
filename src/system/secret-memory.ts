/** Memory that secrets have been in, and shall be gone from. */

/**
 * Overwrites bytes[start, end) by the method of Uint8Array: Buffer's own asks
 * first what it is to fill with, which takes as long as the work.
 */
export function wipe(bytes: Uint8Array, start: number, end: number): void {
  ofUint8Array.fill.call(bytes, 0, start, end);
}

const ofUint8Array = Uint8Array.prototype;

/**
 * A buffer of zeros that the garbage collector doesn't move. It moves others of up
 * to 64 bytes, which lie in its heap, and leaves what they held where they were.
 */
export function unmovedBuffer(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length));
}
