/**
 * The index of a cache: from the hash of an id to the locator of its record.
 *
 * Extendible hashing: a directory, indexed by the low bits of the hash, of
 * small open-addressing tables, each an Int32Array of pairs [hash, locator].
 * A table that is full doubles up to 1024 slots and then splits in two, so that
 * no update ever pays for more than one table; two half-empty neighbours merge
 * again. Slots are probed from the hash's high bits on; removal shifts back, so
 * there are no grave markers. Two records never have the same locator; any
 * number may have the same hash.
 */

/** No record: also what marks a free slot. Locators are unsigned 32-bit numbers below it. */
export const noLocator = 0xffffffff;

/** Decides whether the record at a locator is the one asked for. */
export interface RecordMatcher {
  matches(locator: number): boolean;
}

const FREE = -1;
const smallestBits = 4;
const largestBits = 10;
/** Beyond it more bits can't part what has the same hash. */
const deepest = 22;

class Table {
  slots: Int32Array;
  bits: number;
  count = 0;
  readonly depth: number;

  constructor(bits: number, depth: number) {
    this.bits = bits;
    this.depth = depth;
    this.slots = new Int32Array(2 << bits).fill(FREE);
  }

  isFull(): boolean {
    return this.count >= (3 << this.bits) >> 2;
  }

  insert(hash: number, locator: number): void {
    const { slots } = this;
    const mask = slots.length - 2;
    let at = (hash >>> (31 - this.bits)) & mask;
    while (slots[at + 1] !== FREE) {
      at = (at + 2) & mask;
    }
    slots[at] = hash;
    slots[at + 1] = locator;
    this.count += 1;
  }

  /** The slot that holds a locator, or -1. */
  slotOf(hash: number, locator: number): number {
    const { slots } = this;
    const mask = slots.length - 2;
    const wanted = locator | 0;
    let at = (hash >>> (31 - this.bits)) & mask;
    for (;;) {
      const found = slots[at + 1];
      if (found === wanted && slots[at] === hash) {
        return at;
      }
      if (found === FREE) {
        return -1;
      }
      at = (at + 2) & mask;
    }
  }

  removeAt(slot: number): void {
    const { slots } = this;
    const mask = slots.length - 2;
    let hole = slot;
    let at = (slot + 2) & mask;
    while (slots[at + 1] !== FREE) {
      const home = (slots[at]! >>> (31 - this.bits)) & mask;
      // An entry may move back into the hole unless its home lies behind it.
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        slots[hole] = slots[at]!;
        slots[hole + 1] = slots[at + 1]!;
        hole = at;
      }
      at = (at + 2) & mask;
    }
    slots[hole] = FREE;
    slots[hole + 1] = FREE;
    this.count -= 1;
  }

  copyInto(target: (hash: number) => Table): void {
    const { slots } = this;
    for (let at = 0; at < slots.length; at += 2) {
      if (slots[at + 1] !== FREE) {
        const hash = slots[at]!;
        target(hash).insert(hash, slots[at + 1]!);
      }
    }
  }
}

export class IdIndex {
  #directory: Table[] = [new Table(smallestBits, 0)];
  #mask = 0;
  #slots = 1 << smallestBits;

  /** Bytes that the tables occupy. */
  get memoryBytes(): number {
    return this.#slots * 8 + this.#directory.length * 8;
  }

  /** The locator of the first record with this hash that the matcher accepts, else noLocator. */
  find(hash: number, matcher: RecordMatcher): number {
    const table = this.#directory[hash & this.#mask]!;
    const { slots } = table;
    const mask = slots.length - 2;
    let at = (hash >>> (31 - table.bits)) & mask;
    for (;;) {
      const locator = slots[at + 1]!;
      if (locator === FREE) {
        return noLocator;
      }
      if (slots[at] === hash && matcher.matches(locator >>> 0)) {
        return locator >>> 0;
      }
      at = (at + 2) & mask;
    }
  }

  insert(hash: number, locator: number): void {
    let table = this.#directory[hash & this.#mask]!;
    while (table.isFull()) {
      table = this.#grow(table, hash);
    }
    table.insert(hash, locator);
  }

  /** @returns false when it isn't there. */
  remove(hash: number, locator: number): boolean {
    const table = this.#directory[hash & this.#mask]!;
    const slot = table.slotOf(hash, locator);
    if (slot < 0) {
      return false;
    }
    table.removeAt(slot);
    if (table.depth > 0 && table.count < 1 << (table.bits - 3)) {
      this.#mergeWithBuddy(table, hash);
    }
    return true;
  }

  /** A record has moved: what led to `from` leads to `to`. */
  relocate(hash: number, from: number, to: number): void {
    const table = this.#directory[hash & this.#mask]!;
    const slot = table.slotOf(hash, from);
    if (slot >= 0) {
      table.slots[slot + 1] = to;
    }
  }

  clear(): void {
    this.#directory = [new Table(smallestBits, 0)];
    this.#mask = 0;
    this.#slots = 1 << smallestBits;
  }

  #grow(table: Table, hash: number): Table {
    if (table.bits < largestBits || table.depth >= deepest) {
      const larger = new Table(table.bits + 1, table.depth);
      table.copyInto(() => larger);
      this.#replace(table, hash, () => larger);
      this.#slots += 1 << table.bits;
      return larger;
    }
    if (1 << table.depth === this.#directory.length) {
      this.#directory = [...this.#directory, ...this.#directory];
      this.#mask = this.#directory.length - 1;
    }
    const bit = 1 << table.depth;
    const zero = new Table(table.bits, table.depth + 1);
    const one = new Table(table.bits, table.depth + 1);
    const side = (of: number): Table => ((of & bit) === 0 ? zero : one);
    table.copyInto(side);
    this.#replace(table, hash, side);
    this.#slots += 1 << table.bits;
    return side(hash);
  }

  #mergeWithBuddy(table: Table, hash: number): void {
    const bit = 1 << (table.depth - 1);
    const buddy = this.#directory[(hash ^ bit) & this.#mask]!;
    if (buddy.depth !== table.depth || table.count + buddy.count > 1 << (table.bits - 1)) {
      return;
    }
    const merged = new Table(Math.max(table.bits, buddy.bits), table.depth - 1);
    table.copyInto(() => merged);
    buddy.copyInto(() => merged);
    this.#replace(merged, hash, () => merged);
    this.#slots += (1 << merged.bits) - (1 << table.bits) - (1 << buddy.bits);
  }

  /** Fills the places in the directory that `area` covers (by its depth) and `hash` belongs to. */
  #replace(area: Table, hash: number, by: (index: number) => Table): void {
    const step = 1 << area.depth;
    for (let at = hash & (step - 1); at < this.#directory.length; at += step) {
      this.#directory[at] = by(at);
    }
  }
}
