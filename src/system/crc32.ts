/**
 * CRC-32 as in zip files. Node's module for it is loaded for the first long piece. A start
 * needs only the front of each cache's file, and on Node 26 loading takes almost a millisecond.
 */
type Zlib = typeof import('node:zlib');

let zlib: Zlib | undefined;

/** Up to this length it is computed here while the module isn't loaded. */
const shortBytes = 256;

/** The remainders of four bits. */
const remainders = Int32Array.of(
  0x00000000,
  0x1db71064,
  0x3b6e20c8,
  0x26d930ac,
  0x76dc4190,
  0x6b6b51f4,
  0x4db26158,
  0x5005713c,
  0xedb88320,
  0xf00f9344,
  0xd6d6a3e8,
  0xcb61b38c,
  0x9b64c2b0,
  0x86d3d2d4,
  0xa00ae278,
  0xbdbdf21c,
);

/** @returns an unsigned 32-bit number. */
export function crc32(bytes: Buffer): number {
  if (zlib === undefined && bytes.length <= shortBytes) {
    return ofShort(bytes);
  }
  zlib ??= process.getBuiltinModule('node:zlib');
  return zlib.crc32(bytes);
}

function ofShort(bytes: Buffer): number {
  let rest = ~0;
  for (const byte of bytes) {
    rest ^= byte;
    rest = (rest >>> 4) ^ remainders[rest & 15]!;
    rest = (rest >>> 4) ^ remainders[rest & 15]!;
  }
  return ~rest >>> 0;
}
