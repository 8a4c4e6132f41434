/**
 * Packs a circular log: copies what lives in neighbouring segments into fewer
 * ones, in order, a segment at a time.
 *
 * Worth packing is the run of neighbours, twelve at most, that fits into fewer
 * segments for the least copying. When more than a tenth of what the segments of
 * a log could hold is not alive, and the log is longer than such a run, there is
 * one, but for records so long that they leave gaps at the ends of segments.
 */
import type { SegmentChain } from './segment-chain.ts';
import type { Segment } from './segment.ts';

interface Packing {
  /** Oldest first; one at a time is emptied into the output. */
  sources: Segment[];
  output: Segment | undefined;
  /** Segments emptied so far, and segments that it took. */
  emptied: number;
  filled: number;
}

/** What a log does about a record that moves, and about a segment that is empty then. */
export interface PackedLog {
  moveRecord(source: Segment, offset: number, size: number, target: Segment): void;
  release(segment: Segment): void;
}

const longestRun = 12;
/** Share of a segment that is filled when the next record doesn't fit. */
const usualFill = 0.98;

/** @param head is being appended to, and left alone. */
function choosePacking(
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

export class Packer {
  readonly #chain: SegmentChain;
  readonly #log: PackedLog;
  #packing: Packing | undefined;
  /** Nothing was worth packing: not asked again below this share of waste. */
  #againAtWaste = 0;

  constructor(chain: SegmentChain, log: PackedLog) {
    this.#chain = chain;
    this.#log = log;
  }

  /** Whether more than a share of the segments holds nothing alive, and packing may help. */
  isWorthAbove(share: number): boolean {
    const { waste } = this.#chain;
    return waste > share && waste >= this.#againAtWaste;
  }

  /** The segments are all gone. */
  reset(): void {
    this.#packing = undefined;
  }

  /** Packs the next segment of the run under way, or of a new one. @returns false if there is none. */
  packOne(): boolean {
    const { first, last, pool } = this.#chain;
    const packing = this.#packing ?? choosePacking(first, last, pool.segmentBytes);
    this.#packing = packing;
    let source = packing?.sources.shift();
    while (source !== undefined && !source.inLog) {
      source = packing?.sources.shift();
    }
    if (packing === undefined || source === undefined) {
      const useless = packing === undefined || packing.filled >= packing.emptied;
      this.#againAtWaste = useless ? this.#chain.waste + 0.02 : 0;
      this.#packing = undefined;
      return packing !== undefined;
    }
    for (let offset = source.start; offset < source.used;) {
      const size = source.sizeAt(offset);
      if (!source.isDeadAt(offset)) {
        const output = this.#output(packing, source, size);
        if (output === undefined) {
          this.#packing = undefined;
          return false;
        }
        this.#log.moveRecord(source, offset, size, output);
      }
      offset += size;
    }
    this.#log.release(source);
    packing.emptied += 1;
    return true;
  }

  /** Where the next record of a source goes: a segment right before it. */
  #output(packing: Packing, source: Segment, size: number): Segment | undefined {
    const { output } = packing;
    if (
      output?.inLog === true &&
      output.next === source &&
      output.used + size <= this.#chain.pool.segmentBytes
    ) {
      return output;
    }
    const segment = this.#chain.insertBefore(source);
    if (segment !== undefined) {
      packing.output = segment;
      packing.filled += 1;
    }
    return segment;
  }
}
