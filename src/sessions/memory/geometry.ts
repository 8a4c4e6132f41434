/**
 * The sizes of a cache's parts, from its limit: a slot of the file is a power
 * of two, a mebibyte unless the limit asks for more than the file's table of
 * slots can name; a segment is a slot less the room for what the file adds.
 */

export interface Geometry {
  slotBytes: number;
  segmentBytes: number;
}

const mebibyte = 1024 * 1024;
/** Slots that a file's table can name. */
export const mostSlots = 8000;
/** For this limit and any below it mebibyte slots do, with half as much again for what is dead. */
const largestForMebibyteSlots = 2048 * mebibyte;

/** @param sizeLimitBytes 0: no limit. */
export function geometryOf(sizeLimitBytes: number): Geometry {
  let slotBytes = mebibyte;
  const reach = sizeLimitBytes === 0 ? 16 * largestForMebibyteSlots : sizeLimitBytes;
  for (
    let limit = largestForMebibyteSlots;
    limit < reach && slotBytes < 16 * mebibyte;
    limit *= 2
  ) {
    slotBytes *= 2;
  }
  return { slotBytes, segmentBytes: slotBytes - slotBytes / 8 };
}
