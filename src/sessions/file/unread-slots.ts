/**
 * The slots of a cache file that an earlier process has written, while they are
 * read back (read-back.ts):
 *
 *     none       there is nothing to read back, or all of it has been read
 *     reading    some slots haven't been read; requests are served meanwhile
 *     forgotten  the cache was emptied: slots not read yet are of no use
 *     closed     the mirror is closed: nothing is taken in any more
 *
 *     none -> reading -> none                expect(), end()
 *             reading -> forgotten -> none   forget(), end()
 *     any -> closed                          close()
 *
 * A slot that hasn't been read stays as it is in the file. Each manifest lists
 * it, so that a process that dies now loses nothing. This ends when an id is
 * deleted that it may hold, as the next process would bring the id back.
 */
import type { Segment } from '../memory/segment.ts';
import type { ByteSpan } from '../session-cache.ts';
import type { ReadSlot } from './frames.ts';
import type { ManifestEntry } from './manifest.ts';
import type { SegmentCopies } from './segment-copy.ts';
import type { SlotTable } from './slot-table.ts';

export type ReadingState = 'none' | 'reading' | 'forgotten' | 'closed';

export class UnreadSlots {
  readonly #slots: SlotTable;
  readonly #copies: SegmentCopies;
  #state: ReadingState = 'none';
  readonly #entries = new Map<number, ManifestEntry>();
  /** Ids that were deleted while slots were unread. */
  readonly #deleted = new Set<string>();

  constructor(slots: SlotTable, copies: SegmentCopies) {
    this.#slots = slots;
    this.#copies = copies;
  }

  get state(): ReadingState {
    return this.#state;
  }

  /** These are to be read. To be called before the first update of the log. */
  expect(entries: readonly ManifestEntry[]): void {
    if (this.#state !== 'none') {
      throw new Error(`slots to be read back are named while it is ${this.#state}`);
    }
    this.#state = 'reading';
    this.#slots.expect(entries.map(({ slot }) => slot));
    for (const entry of entries) {
      this.#entries.set(entry.slot, entry);
    }
  }

  /** Slots may be unread: not all that the file holds is known. */
  get isReading(): boolean {
    return this.#state === 'reading' || this.#state === 'forgotten';
  }

  /** An id is deleted from the log, which may be in a slot that isn't read yet. */
  deleted(id: ByteSpan): void {
    if (this.isReading) {
      this.#deleted.add(textOf(id));
    }
  }

  wasDeleted(id: ByteSpan): boolean {
    return this.#deleted.size > 0 && this.#deleted.has(textOf(id));
  }

  forget(): void {
    if (this.#state === 'reading') {
      this.#state = 'forgotten';
    }
  }

  /** What a manifest is to list of the slots that aren't read yet. */
  listed(): readonly ManifestEntry[] {
    return this.#state === 'reading' && this.#deleted.size === 0 ? [...this.#entries.values()] : [];
  }

  /**
   * A slot has been read, and a segment of the log holds what was of use.
   * @param rejected arrival numbers of records in the slot that were not.
   * @returns whether there is something to write about it.
   */
  adopt(
    { slot }: ManifestEntry,
    segment: Segment,
    { position, wantsRewrite }: ReadSlot,
    rejected: number[],
  ): boolean {
    this.#entries.delete(slot);
    const copy = this.#copies.of(segment);
    this.#slots.adopt(slot, copy);
    copy.position = position;
    copy.writtenOffset = segment.used;
    if (wantsRewrite) {
      this.#slots.retire(copy);
      return true;
    }
    copy.unwrittenDeaths = rejected;
    return rejected.length > 0;
  }

  /** A slot holds nothing of use. */
  drop(slot: number): void {
    this.#entries.delete(slot);
    this.#slots.retireUnowned(slot);
  }

  /** Nothing more is read: what is still unread is of no use. */
  end(): void {
    if (!this.isReading) {
      return;
    }
    for (const slot of this.#entries.keys()) {
      this.drop(slot);
    }
    this.#deleted.clear();
    this.#state = 'none';
  }

  close(): void {
    this.#state = 'closed';
  }
}

function textOf({ buffer, start, end }: ByteSpan): string {
  return buffer.toString('latin1', start, end);
}
