/**
 * CRC-32 as in zip files. Node's module for it is loaded at the first use: a start
 * without a cache file doesn't need it, and on Node 26 it takes over a millisecond.
 */
type Zlib = typeof import('node:zlib');

let zlib: Zlib | undefined;

/** @returns an unsigned 32-bit number. */
export function crc32(bytes: Buffer): number {
  zlib ??= process.getBuiltinModule('node:zlib');
  return zlib.crc32(bytes);
}
