/**
 * Which segments of a circular log are worth packing: the run of neighbours,
 * twelve at most, that fits into fewer segments for the least copying. When more
 * than a tenth of what the segments of a log could hold is not alive, and the log
 * is longer than such a run, there is one, but for records so long that they
 * leave gaps at the ends of segments.
 */
import type { Segment } from './segment.ts';

export interface Packing {
  /** Oldest first; one at a time is emptied into the output. */
  sources: Segment[];
  output: Segment | undefined;
  /** Segments emptied so far, and segments that it took. */
  emptied: number;
  filled: number;
}

const longestRun = 12;
/** Share of a segment that is filled when the next record doesn't fit. */
const usualFill = 0.98;

/** @param head is being appended to, and left alone. */
export function choosePacking(
  first: Segment | undefined,
  head: Segment | undefined,
  segmentBytes: number,
): Packing | undefined {
  let bestStart: Segment | undefined;
  let bestLength = 0;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let start = first; start !== undefined && start !== head; start = start.next) {
    let live = 0;
    let length = 0;
    for (
      let segment: Segment | undefined = start;
      segment !== undefined && segment !== head && length < longestRun;
      segment = segment.next
    ) {
      live += segment.liveBytes;
      length += 1;
      const saved = length - Math.ceil(live / (segmentBytes * usualFill));
      const cost = live / saved;
      if (saved > 0 && cost < bestCost) {
        bestCost = cost;
        bestStart = start;
        bestLength = length;
      }
    }
  }
  if (bestStart === undefined) {
    return undefined;
  }
  const sources: Segment[] = [];
  for (let segment = bestStart; sources.length < bestLength; segment = segment.next!) {
    sources.push(segment);
  }
  return { sources, output: undefined, emptied: 0, filled: 0 };
}
