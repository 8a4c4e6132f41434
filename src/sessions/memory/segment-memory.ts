/**
 * The memory of a log's segments. The first ones are buffers of their own, so
 * that a small cache stays small. Those after them are cut from slabs that ask
 * the kernel for huge pages: a look-up among a million sessions touches memory
 * that nothing has touched for long, and finding its page then costs more than
 * reading it.
 *
 * Nothing is taken from the system but what segments are cut from; it gives no
 * memory until a segment is written to. Where there are no huge pages a slab
 * is memory as any other.
 */
import { hugePageBytes, preferHugePages } from '../../system/calls.ts';

/** Segments with a buffer of their own: a cache of 14 MB. */
const singleBuffers = 16;
const slabBytes = 32 * 1024 * 1024;

/** The memory of one segment: area[start, start + its length). */
export interface Piece {
  readonly bytes: Buffer;
  /** Number of the area that it is cut from. */
  readonly area: number;
  readonly start: number;
}

export class SegmentMemory {
  readonly #segmentBytes: number;
  /** By number: the memory that segments are cut from, the same as words, and to be looked into. */
  readonly areas: Buffer[] = [];
  readonly areaWords: Uint32Array[] = [];
  readonly areaViews: DataView[] = [];
  #slab = -1;
  #slabUsed = 0;
  #given = 0;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
  }

  /** A piece that nobody has had before; what it holds is undefined. */
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
