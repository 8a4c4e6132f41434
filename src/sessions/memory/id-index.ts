/**
 * The index of a cache. It leads from the hash of an id to the locator of the
 * record.
 *
 * The algorithm is extendible hashing. The low bits of the hash select a place in
 * the directory. The directory gives the number of a table, and the table has
 * 1024 slots. A slot holds one pair, [hash, locator]. When a table is full, it is
 * split into two, so one update never moves more than one table. When a table is
 * nearly empty, it is merged with its buddy, the other half of such a split.
 *
 * Within a table the hash selects a slot by its high bits. When that slot is
 * taken, the next ones are tried (open addressing with linear probing). A removal
 * moves later pairs back into the hole, so no markers for deleted pairs are
 * needed. Several records may have the same hash, but never the same locator.
 *
 * All of this is numbers in a few large arrays. In a cache of a million entries
 * each object on the way to a slot would cost one more wait for memory.
 */
import { TableMemory, tableWords } from './table-memory.ts';

/** Stands for no record, and marks a free slot. A locator is an unsigned 32-bit number below it. */
export const noLocator = 0xffffffff;

/** Decides whether the record at a locator is the wanted one. */
export interface RecordMatcher {
  matches(locator: number): boolean;
}

/** noLocator as a signed number. */
const FREE = -1;
const tableSlots = tableWords / 2;
/** `(hash >>> homeShift) & wordMask` is the home of a hash: the word of a table where its probing starts. */
const homeShift = 32 - Math.log2(tableWords);
const wordMask = tableWords - 2;
/** A table with so many pairs is split. */
const fullCount = (tableSlots * 3) / 4;
/** A table with fewer pairs is merged, if the result has no more than mergedCount. */
const sparseCount = tableSlots / 8;
const mergedCount = tableSlots / 2;
/**
 * The most bits of a hash that select a table. When a table of this depth is full,
 * its hashes are likely equal, and no split can separate those.
 */
const deepest = 22;

export class IdIndex {
  readonly #memory = new TableMemory(FREE);
  /** The numbers of tables. The low bits of a hash are the index. Its length is a power of two. */
  #directory = new Int32Array(1);
  #mask = 0;
  /** Pairs of hash and locator that found no room in a table of the greatest depth. */
  #overflow: number[] = [];

  constructor() {
    this.#begin();
  }

  /** Bytes that the tables occupy. */
  get memoryBytes(): number {
    return this.#memory.usedBytes + this.#directory.byteLength;
  }

  /** The locator of the first record with this hash that the matcher accepts, else noLocator. */
  find(hash: number, matcher: RecordMatcher): number {
    const table = this.#directory[hash & this.#mask]!;
    const words = this.#memory.wordsOf(table);
    const base = this.#memory.baseOf(table);
    let at = (hash >>> homeShift) & wordMask;
    for (;;) {
      const locator = words[base + at + 1]!;
      if (locator === FREE) {
        return this.#overflow.length === 0 ? noLocator : this.#findOverflown(hash, matcher);
      }
      if (words[base + at] === hash && matcher.matches(locator >>> 0)) {
        return locator >>> 0;
      }
      at = (at + 2) & wordMask;
    }
  }

  insert(hash: number, locator: number): void {
    let table = this.#directory[hash & this.#mask]!;
    while (this.#memory.counts[table]! >= fullCount) {
      if (this.#memory.depths[table]! >= deepest) {
        this.#overflow.push(hash, locator | 0);
        return;
      }
      table = this.#split(table, hash);
    }
    this.#put(table, hash, locator | 0);
  }

  /** @returns false when the index doesn't have the pair. */
  remove(hash: number, locator: number): boolean {
    const table = this.#directory[hash & this.#mask]!;
    const at = this.#wordOf(table, hash, locator);
    if (at < 0) {
      return this.#removeOverflown(hash, locator | 0);
    }
    this.#removeAt(table, at);
    const { counts, depths } = this.#memory;
    if (depths[table]! > 0 && counts[table]! < sparseCount) {
      this.#mergeWithBuddy(table, hash);
    }
    return true;
  }

  /** A record has moved from one locator to another. */
  relocate(hash: number, from: number, to: number): void {
    const table = this.#directory[hash & this.#mask]!;
    const at = this.#wordOf(table, hash, from);
    if (at >= 0) {
      this.#memory.wordsOf(table)[this.#memory.baseOf(table) + at + 1] = to;
    } else if (this.#removeOverflown(hash, from | 0)) {
      this.#overflow.push(hash, to | 0);
    }
  }

  clear(): void {
    this.#memory.clear();
    this.#overflow = [];
    this.#begin();
  }

  /** Starts with one table for all hashes. */
  #begin(): void {
    this.#directory = Int32Array.of(this.#memory.take(0));
    this.#mask = 0;
  }

  #put(table: number, hash: number, locator: number): void {
    const words = this.#memory.wordsOf(table);
    const base = this.#memory.baseOf(table);
    let at = (hash >>> homeShift) & wordMask;
    while (words[base + at + 1] !== FREE) {
      at = (at + 2) & wordMask;
    }
    words[base + at] = hash;
    words[base + at + 1] = locator;
    this.#memory.counts[table]! += 1;
  }

  /** The first word of the slot that holds a pair, from the start of the table; or -1. */
  #wordOf(table: number, hash: number, locator: number): number {
    const words = this.#memory.wordsOf(table);
    const base = this.#memory.baseOf(table);
    const wanted = locator | 0;
    let at = (hash >>> homeShift) & wordMask;
    for (;;) {
      const found = words[base + at + 1];
      if (found === wanted && words[base + at] === hash) {
        return at;
      }
      if (found === FREE) {
        return -1;
      }
      at = (at + 2) & wordMask;
    }
  }

  #removeAt(table: number, slot: number): void {
    const words = this.#memory.wordsOf(table);
    const base = this.#memory.baseOf(table);
    let hole = slot;
    let at = (slot + 2) & wordMask;
    while (words[base + at + 1] !== FREE) {
      const home = (words[base + at]! >>> homeShift) & wordMask;
      // A pair may move back into the hole, unless its home lies between the hole and
      // the pair: probing would then no longer find it.
      if (((at - home) & wordMask) >= ((at - hole) & wordMask)) {
        words[base + hole] = words[base + at]!;
        words[base + hole + 1] = words[base + at + 1]!;
        hole = at;
      }
      at = (at + 2) & wordMask;
    }
    words[base + hole] = FREE;
    words[base + hole + 1] = FREE;
    this.#memory.counts[table]! -= 1;
  }

  /** Splits a table by one more bit of the hash. @returns the new table for this hash. */
  #split(table: number, hash: number): number {
    const depth = this.#memory.depths[table]!;
    const bit = 1 << depth;
    if (bit === this.#directory.length) {
      const larger = new Int32Array(bit * 2);
      larger.set(this.#directory);
      larger.set(this.#directory, bit);
      this.#directory = larger;
      this.#mask = larger.length - 1;
    }
    const zero = this.#memory.take(depth + 1);
    const one = this.#memory.take(depth + 1);
    this.#movePairs(table, (of) => ((of & bit) === 0 ? zero : one));
    this.#lead(depth, hash, (index) => ((index & bit) === 0 ? zero : one));
    return (hash & bit) === 0 ? zero : one;
  }

  #mergeWithBuddy(table: number, hash: number): void {
    const { counts, depths } = this.#memory;
    const depth = depths[table]! - 1;
    const buddy = this.#directory[(hash ^ (1 << depth)) & this.#mask]!;
    if (depths[buddy] !== depth + 1 || counts[table]! + counts[buddy]! > mergedCount) {
      return;
    }
    const merged = this.#memory.take(depth);
    this.#movePairs(table, () => merged);
    this.#movePairs(buddy, () => merged);
    this.#lead(depth, hash, () => merged);
  }

  /** Moves all pairs of a table to other tables, and gives the table back. */
  #movePairs(table: number, target: (hash: number) => number): void {
    const words = this.#memory.wordsOf(table);
    const base = this.#memory.baseOf(table);
    for (let at = base; at < base + tableWords; at += 2) {
      const locator = words[at + 1]!;
      if (locator !== FREE) {
        const hash = words[at]!;
        this.#put(target(hash), hash, locator);
      }
    }
    this.#memory.giveBack(table);
  }

  /** Sets all places of the directory whose low `depth` bits are those of `hash`. */
  #lead(depth: number, hash: number, to: (index: number) => number): void {
    const step = 1 << depth;
    for (let at = hash & (step - 1); at < this.#directory.length; at += step) {
      this.#directory[at] = to(at);
    }
  }

  #findOverflown(hash: number, matcher: RecordMatcher): number {
    for (let at = 0; at < this.#overflow.length; at += 2) {
      const locator = this.#overflow[at + 1]! >>> 0;
      if (this.#overflow[at] === hash && matcher.matches(locator)) {
        return locator;
      }
    }
    return noLocator;
  }

  #removeOverflown(hash: number, locator: number): boolean {
    for (let at = 0; at < this.#overflow.length; at += 2) {
      if (this.#overflow[at + 1] === locator && this.#overflow[at] === hash) {
        this.#overflow.splice(at, 2);
        return true;
      }
    }
    return false;
  }
}
