/** Base64 of RFC 4648 as all of its readers and writers know it. */

/** Fills the last four characters. */
export const pad = 0x3d;

/** The characters that bytes become. */
export function encodedLength(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}
