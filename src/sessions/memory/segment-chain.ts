/**
 * The segments of a circular log in the order of arrival, oldest first, with
 * what they hold in sum.
 */
import { type Segment, SegmentPool } from './segment.ts';

/**
 * A small cache whose sessions are replaced all the time would be packed all the
 * time: with some segments to spare the oldest ones are nearly empty when their
 * turn comes.
 */
const uncountedSegments = 4;

export class SegmentChain {
  readonly pool: SegmentPool;
  /** The oldest segment. */
  first: Segment | undefined;
  last: Segment | undefined;
  /** Bytes of records, dead ones too. */
  usedBytes = 0;
  /** Bytes of records that aren't dead. */
  liveBytes = 0;

  constructor(pool: SegmentPool) {
    this.pool = pool;
  }

  /** Which part of the segments holds nothing alive, the first few of them not counted. */
  get waste(): number {
    const { count, segmentBytes } = this.pool;
    return Math.max(0, (count - uncountedSegments - this.liveBytes / segmentBytes) / count);
  }

  /** A new last segment; undefined when there are as many as there may be. */
  append(): Segment | undefined {
    return this.#insert(this.last, undefined);
  }

  /** A new first one. */
  prepend(): Segment | undefined {
    return this.#insert(undefined, this.first);
  }

  /** A new one right before another. */
  insertBefore(next: Segment): Segment | undefined {
    return this.#insert(next.previous, next);
  }

  /** Takes a segment out and its memory back. */
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
