/**
 * Which segments of a circular log are worth packing: the run of neighbours,
 * twelve at most, that gives up the most holes for the least copying, and that
 * fits into fewer segments or consists of holes for the greater part. When more
 * than a tenth of a log is holes, and the log is longer than such a run,
 * there is one, but for records of nearly a segment's size.
 */
import type { Segment } from './segment.ts';

export interface Packing {
  /** Oldest first; one at a time is emptied into the output. */
  sources: Segment[];
  output: Segment | undefined;
}

const longestRun = 12;

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
    let holes = 0;
    let length = 0;
    for (
      let segment: Segment | undefined = start;
      segment !== undefined && segment !== head && length < longestRun;
      segment = segment.next
    ) {
      live += segment.liveBytes;
      holes += segment.used - segment.liveBytes;
      length += 1;
      const fewer = live <= (length - 1) * segmentBytes;
      const cost = live / holes;
      if ((fewer || holes > live) && holes * 16 >= segmentBytes && cost < bestCost) {
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
  return { sources, output: undefined };
}
