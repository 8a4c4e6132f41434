/**
 * The sizes of a cache's parts, which follow from its limit. The slots of the
 * file determine them: a slot is a mebibyte, unless the limit needs larger ones
 * because a file has a limited number of slots. A segment of the log is smaller
 * than a slot, which also holds what the file adds to the records.
 */

export interface Geometry {
  /** A power of two. */
  slotBytes: number;
  segmentBytes: number;
}

const mebibyte = 1024 * 1024;
/** Slots that a manifest can list. */
export const mostSlots = 8000;
/** Up to this limit slots of a mebibyte are enough, with half as much again for what is dead. */
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
