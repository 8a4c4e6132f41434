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
import { hugePageBytes, preferHugePages } from '../system/calls.ts';

/** Segments with a buffer of their own: a cache of 14 MB. */
const singleBuffers = 16;
const slabBytes = 32 * 1024 * 1024;

export class SegmentMemory {
  readonly #segmentBytes: number;
  #given = 0;
  #slab: Buffer = Buffer.alloc(0);
  #slabUsed = 0;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
  }

  /** A buffer that nobody has had before; what it holds is undefined. */
  take(): Buffer {
    this.#given += 1;
    if (this.#given <= singleBuffers) {
      return Buffer.allocUnsafeSlow(this.#segmentBytes);
    }
    if (this.#slabUsed + this.#segmentBytes > this.#slab.length) {
      this.#slab = preferHugePages(Buffer.allocUnsafeSlow(slabBytes + hugePageBytes));
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += this.#segmentBytes;
    return this.#slab.subarray(start, this.#slabUsed);
  }
}
