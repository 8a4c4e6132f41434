/**
 * The memory of an index: tables of equal size, each known by a small number.
 * Tables lie in chunks, and a chunk is one huge page. The first chunk is usual
 * memory, so that the index of a small cache stays small. When no table of a
 * chunk is in use, the memory of the chunk goes back to the kernel.
 */
import { hugePageBytes, preferHugePages, releasePages } from '../../system/calls.ts';

/** The size of a table in 32-bit words. */
export const tableWords = 2048;
const tableBytes = tableWords * 4;
const chunkTables = hugePageBytes / tableBytes;
const chunkShift = Math.log2(chunkTables);

interface Chunk {
  readonly bytes: Buffer;
  /** The numbers of tables that are not in use. The last one is used next. */
  readonly free: number[];
}

export class TableMemory {
  readonly #blank: number;
  readonly #chunks: Chunk[] = [];
  readonly #words: Int32Array[] = [];
  #used = 0;
  /** How many pairs each table holds, by the table's number. */
  counts = new Int32Array(0);
  /** How many bits of the hash lead to each table, by the table's number. */
  depths = new Uint8Array(0);

  /** @param blank the value of each word in a new table. */
  constructor(blank: number) {
    this.#blank = blank;
  }

  get usedBytes(): number {
    return this.#used * tableBytes;
  }

  /** The array that contains a table. */
  wordsOf(table: number): Int32Array {
    return this.#words[table >>> chunkShift]!;
  }

  /** The index in that array where the table begins. */
  baseOf(table: number): number {
    return (table & (chunkTables - 1)) * tableWords;
  }

  /** A blank table from the first chunk that has a free one. So the last chunks become empty first. */
  take(depth: number): number {
    const chunk = this.#chunks.find(({ free }) => free.length > 0) ?? this.#addChunk();
    const table = chunk.free.pop()!;
    const base = this.baseOf(table);
    this.wordsOf(table).fill(this.#blank, base, base + tableWords);
    this.counts[table] = 0;
    this.depths[table] = depth;
    this.#used += 1;
    return table;
  }

  giveBack(table: number): void {
    const chunk = this.#chunks[table >>> chunkShift]!;
    chunk.free.push(table);
    this.#used -= 1;
    if (chunk.free.length === chunkTables) {
      releasePages(chunk.bytes);
    }
  }

  /** Takes all tables back. */
  clear(): void {
    for (const [number, { bytes, free }] of this.#chunks.entries()) {
      if (free.length < chunkTables) {
        releasePages(bytes);
      }
      free.splice(0, free.length, ...numbersOf(number));
    }
    this.#used = 0;
  }

  #addChunk(): Chunk {
    const number = this.#chunks.length;
    const bytes =
      number === 0
        ? Buffer.allocUnsafeSlow(hugePageBytes)
        : preferHugePages(Buffer.allocUnsafeSlow(2 * hugePageBytes));
    const chunk = { bytes, free: numbersOf(number) };
    this.#chunks.push(chunk);
    this.#words.push(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2));
    const tables = this.#chunks.length * chunkTables;
    const { counts, depths } = this;
    this.counts = new Int32Array(tables);
    this.counts.set(counts);
    this.depths = new Uint8Array(tables);
    this.depths.set(depths);
    return chunk;
  }
}

/** The numbers of a chunk's tables in descending order. */
function numbersOf(chunk: number): number[] {
  return Array.from({ length: chunkTables }, (_, index) => (chunk + 1) * chunkTables - 1 - index);
}
