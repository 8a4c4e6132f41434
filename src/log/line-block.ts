/**
 * Log lines one behind the other in one piece of memory, so that many can be sent
 * with one system call:
 *
 *   block   = *line                  line n is bytes[bounds[n], bounds[n + 1])
 *   line    = head text terminator
 */
import { addressOf } from '../system/calls.ts';

/** The longest line has about 6 kB: time, host and tag, then 2000 bytes of text. */
const usualBytes = 64 * 1024;
const usualLines = 512;

/** A character of a text in UTF-16 takes at most so many bytes in UTF-8. */
const bytesOfUnit = 3;

export class LineBlock {
  readonly bytes: Buffer;
  /** Where the bytes are, for the kernel. */
  readonly address: number;
  readonly bounds: Uint32Array;
  /** The oldest line that hasn't gone. */
  first = 0;
  /** Behind the newest line. */
  end = 0;
  readonly #mostLines: number;

  constructor(sizeBytes = usualBytes, mostLines = usualLines) {
    // The kernel gets the address, so the memory must not move (system/secret-memory.ts).
    this.bytes = Buffer.from(new ArrayBuffer(sizeBytes));
    this.address = addressOf(this.bytes);
    this.bounds = new Uint32Array(mostLines + 1);
    this.#mostLines = mostLines;
  }

  /** A block of one line. */
  static of(head: Buffer, text: string, terminator: number): LineBlock {
    const block = new LineBlock(head.length + text.length * bytesOfUnit + 1, 1);
    block.add(head, text, terminator);
    return block;
  }

  /** @returns false when there is no room for it. */
  add(head: Buffer, text: string, terminator: number): boolean {
    const { bytes, bounds, end } = this;
    let at = bounds[end]!;
    const mostBytes = head.length + text.length * bytesOfUnit + 1;
    if (end === this.#mostLines || at + mostBytes > bytes.length) {
      return false;
    }
    bytes.set(head, at);
    at += head.length;
    at += bytes.write(text, at);
    bytes[at] = terminator;
    this.end = end + 1;
    bounds[this.end] = at + 1;
    return true;
  }

  /** Bytes of the lines from one to before another. */
  bytesBetween(first: number, end: number): number {
    return this.bounds[end]! - this.bounds[first]!;
  }

  /** Takes the oldest line out, into a block of its own. */
  takeFirst(): LineBlock {
    const start = this.bounds[this.first]!;
    const length = this.bytesBetween(this.first, this.first + 1);
    const taken = new LineBlock(length, 1);
    this.bytes.copy(taken.bytes, 0, start, start + length);
    taken.bounds[1] = length;
    taken.end = 1;
    this.first += 1;
    return taken;
  }

  /**
   * To be called when the bytes before `at` have left as one stream.
   * @returns how many of them are of a line that has left in part.
   */
  advanceTo(at: number): number {
    while (this.first < this.end && this.bounds[this.first + 1]! <= at) {
      this.first += 1;
    }
    return this.first < this.end ? at - this.bounds[this.first]! : 0;
  }

  /** Behind the last of the lines from `first` that have up to so many bytes together; one line at least. */
  endWithin(first: number, mostBytes: number): number {
    let end = first + 1;
    while (end < this.end && this.bytesBetween(first, end + 1) <= mostBytes) {
      end += 1;
    }
    return end;
  }

  clear(): void {
    this.first = 0;
    this.end = 0;
  }
}
