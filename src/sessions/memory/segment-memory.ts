/**
 * The memory of the segments of a circular log. Each of the first segments has a
 * buffer of its own, so that a small cache stays small. Later segments are parts
 * of slabs, for which the kernel is asked for huge pages. A look-up in a cache of
 * a million sessions reads memory that has not been read for a long time. With
 * small pages, finding such a page (a TLB miss) costs more than reading it.
 *
 * A slab is reserved as a whole, but the kernel gives memory only for what is
 * written to. Where the kernel has no huge pages, a slab is usual memory.
 */
import { hugePageBytes, preferHugePages } from '../../system/calls.ts';

/** So many segments have a buffer of their own: a cache of 14 MB with usual segments. */
const singleBuffers = 16;
const slabBytes = 32 * 1024 * 1024;

/** The memory of one segment: `bytes` is the part of an area that begins at `start`. */
export interface Piece {
  readonly bytes: Buffer;
  /** The number of the area. */
  readonly area: number;
  readonly start: number;
}

export class SegmentMemory {
  readonly #segmentBytes: number;
  // An area is a buffer of one segment, or a slab. These three hold the same
  // areas, by number: as bytes, as 32-bit words, and as a view for any place.
  readonly areas: Buffer[] = [];
  readonly areaWords: Uint32Array[] = [];
  readonly areaViews: DataView[] = [];
  #slab = -1;
  #slabUsed = 0;
  #given = 0;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
  }

  /** A piece that was never given out before. Its content is undefined. */
  take(): Piece {
    this.#given += 1;
    if (this.#given <= singleBuffers) {
      const bytes = Buffer.allocUnsafeSlow(this.#segmentBytes);
      return { bytes, area: this.#addArea(bytes), start: 0 };
    }
    if (this.#slab < 0 || this.#slabUsed + this.#segmentBytes > slabBytes) {
      const slab = preferHugePages(Buffer.allocUnsafeSlow(slabBytes + hugePageBytes));
      this.#slab = this.#addArea(slab);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += this.#segmentBytes;
    const bytes = this.areas[this.#slab]!.subarray(start, this.#slabUsed);
    return { bytes, area: this.#slab, start };
  }

  #addArea(bytes: Buffer): number {
    this.areaViews.push(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
    this.areaWords.push(new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2));
    return this.areas.push(bytes) - 1;
  }
}
