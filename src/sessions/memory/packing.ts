/**
 * Packing: removes the holes in a circular log. Packing copies the live records
 * of a run of neighbouring segments into fewer segments, keeps their order, and
 * releases the old ones. One step packs one segment, so that requests are served
 * between two steps.
 *
 * Which run: of all runs of up to twelve neighbours, the one with the least live
 * bytes to copy for each segment that packing saves. The last segment of the log
 * is never in a run, because new records are still appended to it.
 *
 * When more than a tenth of the room in the segments holds nothing live, a log
 * of more than twelve segments has such a run. There is one exception: long
 * records that don't fill segments to their ends leave gaps that packing can't
 * remove. The packer then waits until the share without live records has grown.
 */
import type { SegmentChain } from './segment-chain.ts';
import type { Segment } from './segment.ts';

/** A run that is being packed. */
interface Packing {
  /** The segments that are still to be packed, the oldest first. */
  sources: Segment[];
  /** The segment that receives the records. */
  output: Segment | undefined;
  /** How many segments have been packed and released. */
  emptied: number;
  /** How many segments were taken to receive their records. */
  filled: number;
}

/** The operations of a log that packing needs. */
export interface MovableRecords {
  /** Moves a record to the end of another segment. */
  move(source: Segment, offset: number, size: number, target: Segment): void;
  /** Takes a segment out of the log. */
  release(segment: Segment): void;
}

const longestRun = 12;
/** How full a segment usually is when the next record doesn't fit any more. */
const usualFill = 0.98;
/** After a useless run, packing waits until this share more of the room holds nothing live. */
const moreWaste = 0.02;

/**
 * @param last the segment that new records are appended to.
 * @returns undefined when no run saves a segment.
 */
function choosePacking(
  first: Segment | undefined,
  last: Segment | undefined,
  segmentBytes: number,
): Packing | undefined {
  let bestStart: Segment | undefined;
  let bestLength = 0;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let start = first; start !== undefined && start !== last; start = start.next) {
    let live = 0;
    let length = 0;
    for (
      let segment: Segment | undefined = start;
      segment !== undefined && segment !== last && length < longestRun;
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
  readonly #records: MovableRecords;
  /** The run under way. */
  #packing: Packing | undefined;
  /** The last run saved nothing, or there was none. Below this share of waste no other is looked for. */
  #againAtWaste = 0;

  constructor(chain: SegmentChain, records: MovableRecords) {
    this.#chain = chain;
    this.#records = records;
  }

  /** Whether more than a share of the segments' room holds nothing live, and packing may help. */
  isWorthAbove(share: number): boolean {
    const { waste } = this.#chain;
    return waste > share && waste >= this.#againAtWaste;
  }

  /** All segments have been released. */
  reset(): void {
    this.#packing = undefined;
  }

  /**
   * Packs the next segment of the run under way, or begins a new run.
   * @returns false when there is nothing to pack.
   */
  packOne(): boolean {
    const { first, last, pool } = this.#chain;
    const packing = this.#packing ?? choosePacking(first, last, pool.segmentBytes);
    this.#packing = packing;
    let source = packing?.sources.shift();
    // Expiry or deletes may have released segments of the run since it was chosen.
    while (source !== undefined && !source.inLog) {
      source = packing?.sources.shift();
    }
    if (packing === undefined || source === undefined) {
      const useless = packing === undefined || packing.filled >= packing.emptied;
      this.#againAtWaste = useless ? this.#chain.waste + moreWaste : 0;
      this.#packing = undefined;
      return packing !== undefined;
    }
    for (let offset = source.start; offset < source.used;) {
      const size = source.sizeAt(offset);
      if (!source.isDeadAt(offset)) {
        const output = this.#output(packing, source, size);
        if (output === undefined) {
          // There are as many segments as there may be.
          this.#packing = undefined;
          return false;
        }
        this.#records.move(source, offset, size, output);
      }
      offset += size;
    }
    this.#records.release(source);
    packing.emptied += 1;
    return true;
  }

  /** The segment for the next record of a source. It stands right before the source, to keep the order. */
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
