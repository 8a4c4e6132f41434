/**
 * The segments of a circular log as a linked list in the order of arrival, the
 * oldest first, and the sums of what they hold.
 */
import { type Segment, SegmentPool } from './segment.ts';

/**
 * So many segments don't count as waste. Without them a small cache whose
 * sessions are replaced often would be packed all the time. With them, the
 * oldest segment is nearly empty by the time it is released.
 */
const uncountedSegments = 4;

export class SegmentChain {
  readonly pool: SegmentPool;
  /** The oldest segment. */
  first: Segment | undefined;
  last: Segment | undefined;
  /** Bytes of all records, live and dead. */
  usedBytes = 0;
  /** Bytes of live records. */
  liveBytes = 0;

  constructor(pool: SegmentPool) {
    this.pool = pool;
  }

  /** The share of the segments' room without live records, from 0 to 1; uncountedSegments don't count. */
  get waste(): number {
    const { count, segmentBytes } = this.pool;
    return Math.max(0, (count - uncountedSegments - this.liveBytes / segmentBytes) / count);
  }

  /** Adds a new last segment. @returns undefined when there are as many as there may be. */
  append(): Segment | undefined {
    return this.#insert(this.last, undefined);
  }

  /** Does the same at the front. */
  prepend(): Segment | undefined {
    return this.#insert(undefined, this.first);
  }

  /** Does the same right before another segment. */
  insertBefore(next: Segment): Segment | undefined {
    return this.#insert(next.previous, next);
  }

  /** Takes a segment out of the log and gives its memory back to the pool. */
  release(segment: Segment): void {
    const { previous, next } = segment;
    if (previous === undefined) {
      this.first = next;
    } else {
      previous.next = next;
    }
    if (next === undefined) {
      this.last = previous;
    } else {
      next.previous = previous;
    }
    segment.previous = undefined;
    segment.next = undefined;
    segment.inLog = false;
    this.usedBytes -= segment.used;
    this.liveBytes -= segment.liveBytes;
    this.pool.giveBack(segment);
  }

  #insert(previous: Segment | undefined, next: Segment | undefined): Segment | undefined {
    const segment = this.pool.take();
    if (segment === undefined) {
      return undefined;
    }
    segment.previous = previous;
    segment.next = next;
    if (previous === undefined) {
      this.first = segment;
    } else {
      previous.next = segment;
    }
    if (next === undefined) {
      this.last = segment;
    } else {
      next.previous = segment;
    }
    return segment;
  }
}
