/**
 * What is to be written to a cache file, and in which order. A cycle is a
 * sequence of writes that brings the file up to date with the log:
 *
 *     1. the records that had arrived before it, in the order of their arrival
 *     2. a manifest: from now on these records count
 *     3. the deaths that had happened before it
 *     4. a manifest: from now on these deaths count
 *     5. no write: slots that no manifest lists any more become free
 *
 * Steps 3 and 4 are left out when nothing has died. A death never counts before
 * the record that has taken the place of the dead one does.
 *
 * The caller takes the writes one by one, each after the one before it is done.
 * Requests are served between two writes: they add, remove and move records.
 */
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';
import type { CircularLog } from '../memory/circular-log.ts';
import type { CacheName } from '../../config/cache-names.ts';
import { encodeManifest, manifestBytes, type ManifestEntry } from './manifest.ts';
import type { SegmentCopies, SegmentCopy } from './segment-copy.ts';
import { entryOf, type RetiredSlot, type SlotTable } from './slot-table.ts';
import type { SlotWriter, Write } from './slot-writer.ts';
import type { UnreadSlots } from './unread-slots.ts';

/** What a file's next manifest goes on from. */
export interface FileHistory {
  fileId: Buffer;
  generation: number;
  epoch: number;
  lastWriteNumber: number;
}

export type WriteCycle = Generator<Write, void, void>;

export interface WriteCyclesParts {
  label: CacheName;
  log: CircularLog;
  history: FileHistory;
  copies: SegmentCopies;
  slots: SlotTable;
  unread: UnreadSlots;
  writer: SlotWriter;
  logger: Logger;
}

/** How often a cycle looks for records that were moved before they were written. */
const turnsPerCycle = 8;

export class WriteCycles {
  readonly #parts: WriteCyclesParts;
  #generation: number;
  /** Copies that lack something of their segment. */
  #queue: SegmentCopy[] = [];

  constructor(parts: WriteCyclesParts) {
    this.#parts = parts;
    this.#generation = parts.history.generation;
  }

  /** The copy lacks something of its segment. */
  queue(copy: SegmentCopy): void {
    if (!copy.isQueued) {
      copy.isQueued = true;
      this.#queue.push(copy);
    }
  }

  /** Whether the file lacks anything, or lists what is gone. */
  get isBehind(): boolean {
    return this.#queue.length > 0 || this.#parts.slots.retired.length > 0;
  }

  /** Whether a cycle would have something to do. */
  get hasWork(): boolean {
    return this.isBehind || this.#parts.slots.hasUnerased || this.#hasExcessSlots;
  }

  /** Nobody knows what the file holds of the segments: all of them are written anew. */
  distrustFile(): void {
    const { slots } = this.#parts;
    this.#queue = [];
    for (const copy of this.#copies()) {
      if (copy.hasSlot) {
        slots.retire(copy);
      }
      copy.isQueued = true;
      this.#queue.push(copy);
    }
  }

  /** A manifest that lists nothing. A full disk has room for it, as it overwrites another one. */
  emptyManifest(): Write {
    return this.#manifest([]);
  }

  /** The manifest without entries is in the file: what it doesn't list may be overwritten. */
  freeAllRetired(): void {
    const { slots } = this.#parts;
    // They keep their space on the disk, so that what is written next has room.
    slots.free(slots.takeRetired());
  }

  /** @param tidy whether the cycle also moves segments to free slots nearer to the front of the file. */
  *cycle(tidy: boolean): WriteCycle {
    const { slots, log } = this.#parts;
    const gone = slots.takeRetired();
    if (tidy && this.#hasExcessSlots) {
      for (const copy of slots.copiesToMove()) {
        slots.retire(copy);
        this.queue(copy);
      }
    }
    // Deaths that happen from here on are for the next cycle.
    const withDeaths = this.#queue.filter((copy) => copy.unwrittenDeaths.length > 0);
    for (const copy of withDeaths) {
      copy.settledDeaths = copy.unwrittenDeaths.length;
    }
    let complete = false;
    try {
      // First what has arrived so far, wherever it is moved meanwhile. Then what has
      // replaced some of it before it was written.
      const settled =
        (yield* this.#writeUpTo(log.lastArrival)) && (yield* this.#writeUpTo(log.lastArrival));
      yield this.#manifest(this.#listed(settled ? [] : gone));
      if (settled && withDeaths.length > 0) {
        for (const copy of withDeaths) {
          yield* this.#writeDeaths(copy);
        }
        yield this.#manifest(this.#listed([]));
      }
      complete = settled;
    } finally {
      if (!complete) {
        slots.putBackRetired(gone);
      }
    }
    for (const copy of this.#copies()) {
      copy.settledDeaths = 0;
      if (copy.unwrittenDeaths.length > 0) {
        this.queue(copy);
      }
    }
    if (complete) {
      this.#giveBack(gone);
    }
  }

  /** The last writes of a file that is up to date: two manifests that say the same, so that either may be damaged. */
  *lastManifests(): WriteCycle {
    this.#parts.slots.takeRetired();
    yield this.#manifest(this.#listed([]));
    yield this.#manifest(this.#listed([]));
  }

  #copies(): Iterable<SegmentCopy> {
    const { copies, log } = this.#parts;
    return copies.inOrder(log.firstSegment);
  }

  /**
   * Writes all records up to an arrival. Records that are moved to another segment
   * meanwhile need another turn.
   * @returns false when they were still not all written after the last turn.
   */
  *#writeUpTo(arrival: number): Generator<Write, boolean, void> {
    for (let turn = 0; turn < turnsPerCycle; turn += 1) {
      yield* this.#writeRecords(this.#takeQueue());
      if (this.#isWrittenUpTo(arrival)) {
        return true;
      }
    }
    return false;
  }

  #isWrittenUpTo(arrival: number): boolean {
    for (const { segment, writtenOffset } of this.#copies()) {
      if (writtenOffset < segment.used && segment.arrivalAt(writtenOffset) <= arrival) {
        return false;
      }
    }
    return true;
  }

  /** In the order of arrival: a record is written after the one whose place it takes. */
  #takeQueue(): SegmentCopy[] {
    const queue = this.#queue.filter(({ segment }) => segment.inLog);
    this.#queue = [];
    return queue.toSorted((a, b) => a.segment.lastArrival - b.segment.lastArrival);
  }

  *#writeRecords(copies: readonly SegmentCopy[]): WriteCycle {
    for (const copy of copies) {
      copy.isQueued = false;
      if (copy.segment.inLog) {
        const built = this.#parts.writer.records(copy);
        if (built !== undefined && built.bytes.length > 0) {
          yield built;
        }
      }
    }
  }

  *#writeDeaths(copy: SegmentCopy): WriteCycle {
    if (copy.hasSlot && copy.settledDeaths > 0) {
      const built = this.#parts.writer.deaths(copy);
      if (built !== undefined) {
        yield built;
      }
    }
  }

  /**
   * What a manifest lists: the slots of segments, the retired slots, whose records
   * may not be elsewhere in the file yet, and the slots still to be read back.
   * @param more retired slots that this cycle has taken.
   */
  #listed(more: readonly RetiredSlot[]): ManifestEntry[] {
    const { slots, unread } = this.#parts;
    const entries: ManifestEntry[] = [];
    for (const copy of this.#copies()) {
      if (copy.hasSlot && copy.writtenOffset > 0) {
        entries.push(entryOf(copy));
      }
    }
    for (const { entry } of [...slots.retired, ...more]) {
      if (entry !== undefined) {
        entries.push(entry);
      }
    }
    entries.push(...unread.listed());
    return entries;
  }

  #manifest(entries: ManifestEntry[]): Write {
    const { label, log, history, slots } = this.#parts;
    this.#generation += 1;
    const generation = this.#generation;
    const bytes = encodeManifest({
      label,
      slotBytes: log.settings.slotBytes,
      generation,
      epoch: history.epoch,
      lastArrival: log.lastArrival,
      lastWriteNumber: slots.lastWriteNumber,
      fileId: history.fileId,
      writtenAt: log.time.mark(),
      entries,
    });
    return { bytes, position: (generation % 2) * manifestBytes };
  }

  #giveBack(gone: readonly RetiredSlot[]): void {
    const { label, slots, logger } = this.#parts;
    try {
      slots.freeAndErase(gone);
    } catch (error) {
      logger.warning(
        `cannot give back space of the ${label} TLS session cache: ${reasonOf(error)}`,
      );
    }
  }

  /** There are too many free slots, and none may hold what is still to be read back. */
  get #hasExcessSlots(): boolean {
    const { slots, unread } = this.#parts;
    return !unread.isReading && slots.excess > 0;
  }
}
