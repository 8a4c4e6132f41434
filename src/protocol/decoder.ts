/**
 * Decodes attribute lists from a stream of bytes.
 *
 *     list      = *attribute NUL
 *     attribute = name NUL value NUL      ; name not empty, neither holds NUL
 *
 * The decoder knows no socket. The caller pushes chunks and takes lists. An
 * unfinished list is kept until more bytes come. The decoder trusts no length,
 * and holds at most `maxListBytes` of an unfinished list. It reads a list to its
 * end even if something in it is wrong, so that it finds the start of the next
 * one. It decodes neither numbers (numbers.ts) nor base64.
 *
 * Follows src/util/attr_scan0.c.
 */

import { viewOf } from '../system/data-view.ts';

/** Strings of a list (names and values) whose places are kept; later ones are only counted. */
export const maxStrings = 32;

/** Up to this a loop finds the end of a string faster than a call into native code. */
const shortStringBytes = 128;

const lowestBits = 0x01010101;
const highestBits = 0x80808080;

const initialStoreBytes = 1024;

const longestTextBytes = 100;

/** What next() found. */
export type Found =
  /** A complete list, described by the decoder's own fields until the next call. */
  | 'list'
  /** Nothing more in what has been pushed. */
  | 'nothing'
  /** An unfinished list is longer than the size limit. The next list can't be found any more. */
  | 'too-long';

export class Decoder {
  /** Holds the strings of the current list; borrowed from the chunk where possible. */
  buffer: Buffer;
  /** How many names and values the list has, kept or not. */
  stringCount = 0;
  /**
   * Where string i starts and ends in `buffer`, at 2i and 2i+1. Names are the even strings.
   * No typed array: of this length that lies outside of V8's heap, for 0.5 us a connection.
   */
  readonly bounds: number[] = [];

  readonly #maxListBytes: number;
  /** Own memory for a list that spans chunks; undefined while none does. */
  #store: Buffer | undefined;
  #listStart = 0;
  #scanFrom = 0;
  #stringStart = 0;
  #end = 0;
  /** Up to here own memory has been overwritten. */
  #wipedEnd = 0;

  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
    this.buffer = noBytes;
  }

  /** Bytes of an unfinished list. */
  get pendingBytes(): number {
    return this.#end - this.#listStart;
  }

  /** Bytes of memory that an unfinished list occupies here. */
  get heldBytes(): number {
    return this.#store === undefined ? 0 : this.#store.length;
  }

  /** Whether the unfinished list breaks off within a word, not between two. */
  get breaksOffInWord(): boolean {
    return this.#end > this.#stringStart;
  }

  /** The n-th string of the current list, finished or not, cut to 100 bytes, for a message. */
  text(index: number): string | undefined {
    if (index >= Math.min(this.stringCount, maxStrings)) {
      return undefined;
    }
    const start = this.bounds[index * 2]!;
    const end = Math.min(this.bounds[index * 2 + 1]!, start + longestTextBytes);
    return this.buffer.toString('utf8', start, end);
  }

  /** Adds bytes. The chunk is only borrowed: call keepRest() before it is used again. */
  push(chunk: Buffer, length: number = chunk.length): void {
    if (this.#listStart === this.#end) {
      if (this.#store !== undefined) {
        this.keepRest();
      }
      this.buffer = chunk;
      this.#listStart = this.#scanFrom = this.#stringStart = 0;
      this.#end = length;
      this.stringCount = 0;
      return;
    }
    this.#append(chunk, length);
  }

  /** Finds the next complete list in what has been pushed. */
  next(): Found {
    const { buffer } = this;
    const end = this.#end;
    let from = this.#scanFrom;
    let start = this.#stringStart;
    if (from === this.#listStart) {
      this.stringCount = 0;
    }
    while (from < end) {
      const nul = indexOfNul(buffer, from, end);
      if (nul < 0) {
        from = end;
        break;
      }
      from = nul + 1;
      if (nul === start && (this.stringCount & 1) === 0) {
        if (from - this.#listStart > this.#maxListBytes) {
          return 'too-long';
        }
        this.#listStart = this.#scanFrom = this.#stringStart = from;
        return 'list';
      }
      if (this.stringCount < maxStrings) {
        this.bounds[this.stringCount * 2] = start;
        this.bounds[this.stringCount * 2 + 1] = nul;
      }
      this.stringCount += 1;
      start = from;
    }
    this.#scanFrom = from;
    this.#stringStart = start;
    return end - this.#listStart > this.#maxListBytes ? 'too-long' : 'nothing';
  }

  /**
   * Copies an unfinished list out of the borrowed chunk, and overwrites the lists
   * before it in memory of our own. The chunk is its owner's to overwrite.
   */
  keepRest(): void {
    const rest = this.#end - this.#listStart;
    if (rest === 0) {
      this.#wipeStore();
      this.buffer = noBytes;
      this.#store = undefined;
      this.#listStart = this.#scanFrom = this.#stringStart = this.#end = 0;
    } else if (this.buffer !== this.#store) {
      this.#moveTo(this.#newStore(rest));
    } else if (this.#listStart > this.#wipedEnd) {
      this.buffer.fill(0, this.#wipedEnd, this.#listStart);
      this.#wipedEnd = this.#listStart;
    }
  }

  /** Forgets everything: after a bare string that is no list. */
  reset(): void {
    this.buffer.fill(0, this.#listStart, this.#end);
    this.#listStart = this.#end;
    this.keepRest();
    this.stringCount = 0;
  }

  #append(chunk: Buffer, length: number): void {
    const rest = this.#end - this.#listStart;
    if (this.buffer !== this.#store || this.#end + length > this.buffer.length) {
      this.#moveTo(this.#newStore(rest + length));
    }
    chunk.copy(this.buffer, this.#end, 0, length);
    this.#end += length;
  }

  /** Twice the room, as a list comes in many pieces; no list grows beyond the limit. */
  #newStore(bytes: number): Buffer {
    const roomy = Math.max(initialStoreBytes, bytes * 2);
    return Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(roomy, this.#maxListBytes + 1)));
  }

  /** Not beyond what was used: a page that nobody has touched takes no memory until then. */
  #wipeStore(): void {
    if (this.buffer === this.#store) {
      this.buffer.fill(0, this.#wipedEnd, this.#end);
    }
    this.#wipedEnd = 0;
  }

  #moveTo(store: Buffer): void {
    const shift = this.#listStart;
    this.buffer.copy(store, 0, shift, this.#end);
    this.#wipeStore();
    const kept = Math.min(this.stringCount, maxStrings) * 2;
    for (let index = 0; index < kept; index += 1) {
      this.bounds[index]! -= shift;
    }
    this.buffer = this.#store = store;
    this.#listStart = 0;
    this.#scanFrom -= shift;
    this.#stringStart -= shift;
    this.#end -= shift;
  }
}

const noBytes = Buffer.alloc(0);

// Kept, as to find a method of Buffer's takes longer than to call it.
const { indexOf } = Buffer.prototype;

function indexOfNul(buffer: Buffer, from: number, end: number): number {
  const near = Math.min(end, from + shortStringBytes);
  const view = viewOf(buffer);
  let at = from;
  for (; at + 4 <= near; at += 4) {
    const word = view.getInt32(at, true);
    // Only a byte of 0 borrows from the bit above it without having had it.
    if (((word - lowestBits) & ~word & highestBits) !== 0) {
      break;
    }
  }
  for (let index = at; index < near; index += 1) {
    if (buffer[index] === 0) {
      return index;
    }
  }
  if (near === end) {
    return -1;
  }
  const far = indexOf.call(buffer, 0, near);
  return far < end ? far : -1;
}
