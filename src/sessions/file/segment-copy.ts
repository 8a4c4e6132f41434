/**
 * What a cache file holds of each segment of the log: its slot, and how far the
 * slot has been written. The log itself knows nothing of it.
 */
import type { Segment } from '../memory/segment.ts';
import type { SlotPosition } from './frames.ts';

const noSlot = -1;

/** The copy of one segment. It has a slot from its first write on. */
export class SegmentCopy {
  readonly segment: Segment;
  /** -1 while no slot holds anything of the segment. */
  slot = noSlot;
  /** Where the slot's next frame goes. */
  position: SlotPosition = { writeNumber: 0, slotBytes: 0, frames: 0, deadFrames: 0 };
  /** Records of the segment below this offset are in the slot. */
  writtenOffset = 0;
  /** Arrival numbers of records that have died since they were written to the slot. */
  unwrittenDeaths: number[] = [];
  /** How many of them the write cycle under way is going to write: those before it began. */
  settledDeaths = 0;
  /** It is in the queue of what is to be written. */
  isQueued = false;

  constructor(segment: Segment) {
    this.segment = segment;
  }

  get hasSlot(): boolean {
    return this.slot !== noSlot;
  }

  /** A slot that holds nothing of the segment yet. */
  enterSlot(slot: number, writeNumber: number): void {
    this.slot = slot;
    this.position = { writeNumber, slotBytes: 0, frames: 0, deadFrames: 0 };
    this.#forgetWritten();
  }

  leaveSlot(): void {
    this.slot = noSlot;
    this.#forgetWritten();
  }

  #forgetWritten(): void {
    this.writtenOffset = 0;
    this.unwrittenDeaths = [];
    this.settledDeaths = 0;
  }
}

/** The copies of all segments of a log. */
export class SegmentCopies {
  /** By the number of the segment, which is used again when the segment is gone. */
  readonly #byNumber: (SegmentCopy | undefined)[] = [];

  of(segment: Segment): SegmentCopy {
    return this.#byNumber[segment.number] ?? this.#add(segment);
  }

  /** The segment is leaving the log. @returns its copy, undefined if there is none. */
  forget(segment: Segment): SegmentCopy | undefined {
    const copy = this.#byNumber[segment.number];
    this.#byNumber[segment.number] = undefined;
    return copy;
  }

  /** From the oldest segment of the log to the newest. */
  *inOrder(first: Segment | undefined): Generator<SegmentCopy, void, void> {
    for (let segment = first; segment !== undefined; segment = segment.next) {
      yield this.of(segment);
    }
  }

  #add(segment: Segment): SegmentCopy {
    const copy = new SegmentCopy(segment);
    this.#byNumber[segment.number] = copy;
    return copy;
  }
}
