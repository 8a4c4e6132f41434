/** Overwrites secrets in memory. */

/**
 * Overwrites bytes[start, end) with the method of Uint8Array. Buffer's own method
 * first examines its arguments, which takes as long as the work itself.
 */
export function wipe(bytes: Uint8Array, start: number, end: number): void {
  ofUint8Array.fill.call(bytes, 0, start, end);
}

const ofUint8Array = Uint8Array.prototype;

/**
 * Makes a buffer of zeros that the garbage collector doesn't move. Other buffers of
 * up to 64 bytes lie in the heap. When the collector moves one, its old content
 * stays in memory.
 */
export function unmovedBuffer(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length));
}
