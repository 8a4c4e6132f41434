/**
 * Which slot of a cache's file belongs to which segment. The life of a slot:
 *
 *     free     nothing lists it; it may be given to a segment
 *     in use   it holds the copy of a segment
 *     retired  no segment uses it, but the manifest in the file still lists it;
 *              it must not be overwritten
 *
 * A retired slot becomes free when a manifest without it is in the file. Then its
 * sessions are erased from the disk where the file system can do that, and free
 * slots at the end of the file are cut off.
 */
import { ftruncateSync } from 'node:fs';
import { TlsmgrError } from '../../errors.ts';
import { punchHole } from '../../system/calls.ts';
import { mostSlots } from './geometry.ts';
import { type ManifestEntry, slotsStart } from './manifest.ts';
import type { SegmentCopy } from './segment-copy.ts';

export interface RetiredSlot {
  slot: number;
  /** Goes on being listed until its records are certain to be elsewhere in the file; undefined: no record needs that. */
  entry: ManifestEntry | undefined;
}

/** The owner of a slot that is retired, or that is still to be read back. */
const unowned = 'unowned';
type Owner = SegmentCopy | typeof unowned | undefined;

/** At most so many slots are cut off the end of the file in one cycle. */
const cutsPerCycle = 64;
/** At most so many free slots are erased in one cycle. */
const erasedPerCycle = 64;
/** In one cycle one copy moves to the front of the file for so many free slots. */
const freeSlotsPerMove = 4;
const mostMovesPerCycle = 64;

/** How a manifest lists the slot of a copy. */
export function entryOf({ slot, position, segment }: SegmentCopy): ManifestEntry {
  const { slotBytes, writeNumber, frames, deadFrames } = position;
  return {
    slot,
    bytes: slotBytes,
    writeNumber,
    lastArrival: segment.lastArrival,
    frames,
    deadFrames,
  };
}

export class SlotTable {
  readonly #fd: number;
  readonly #slotBytes: number;
  readonly #owners: Owner[] = [];
  #used = 0;
  #retired: RetiredSlot[] = [];
  /** Free slots that may still hold sessions. */
  #unerased: number[] = [];
  #canPunch = true;
  #lastWriteNumber: number;
  /** Bytes of the file, as far as this knows. */
  fileBytes: number;

  /** @param lastWriteNumber the greatest write number that any content of a slot has had. */
  constructor(fd: number, slotBytes: number, fileBytes: number, lastWriteNumber: number) {
    this.#fd = fd;
    this.#slotBytes = slotBytes;
    this.fileBytes = fileBytes;
    this.#lastWriteNumber = lastWriteNumber;
  }

  get lastWriteNumber(): number {
    return this.#lastWriteNumber;
  }

  get retired(): readonly RetiredSlot[] {
    return this.#retired;
  }

  /** So many slots are retired that the next cycle should begin at once: the file would grow meanwhile. */
  get isPressed(): boolean {
    return this.#retired.length > 16 + this.#used / 16;
  }

  /** Whether there are free slots whose sessions are still to be erased from the disk. */
  get hasUnerased(): boolean {
    return this.#unerased.length > 0;
  }

  /** The number of free slots if there are too many of them, else 0. */
  get excess(): number {
    const free = this.#owners.length - this.#used;
    return free <= 2 + this.#used / 16 ? 0 : free;
  }

  /** Where in the file a slot begins. */
  startOf(slot: number): number {
    return slotsStart + slot * this.#slotBytes;
  }

  /** These slots are still to be read back. */
  expect(slots: readonly number[]): void {
    for (const slot of slots) {
      this.#owners[slot] = unowned;
      this.#used += 1;
    }
    for (let slot = 0; slot < this.#owners.length; slot += 1) {
      this.#owners[slot] ??= undefined;
    }
  }

  /** A slot that was expected has been read: the segment holds what is in it. */
  adopt(slot: number, copy: SegmentCopy): void {
    this.#owners[slot] = copy;
    copy.slot = slot;
  }

  /** Gives a copy a free slot. Throws TlsmgrError `STORAGE` if the file can't have more slots. */
  allot(copy: SegmentCopy): void {
    let slot = this.#owners.indexOf(undefined);
    if (slot < 0) {
      slot = this.#owners.length;
    }
    if (slot >= mostSlots) {
      throw new TlsmgrError('STORAGE', 'its file has no free slot');
    }
    this.#owners[slot] = copy;
    this.#used += 1;
    this.#lastWriteNumber += 1;
    copy.enterSlot(slot, this.#lastWriteNumber);
  }

  /** Takes the slot from a copy. The slot becomes free when a manifest without it is written. */
  retire(copy: SegmentCopy): void {
    this.#owners[copy.slot] = unowned;
    const entry = copy.writtenOffset > 0 ? entryOf(copy) : undefined;
    this.#retired.push({ slot: copy.slot, entry });
    copy.leaveSlot();
  }

  /** The same for a slot that no copy has. */
  retireUnowned(slot: number): void {
    this.#retired.push({ slot, entry: undefined });
  }

  /** Hands over the retired slots. The caller frees them or puts them back. */
  takeRetired(): RetiredSlot[] {
    const retired = this.#retired;
    this.#retired = [];
    return retired;
  }

  putBackRetired(slots: readonly RetiredSlot[]): void {
    this.#retired.push(...slots);
  }

  /** These slots may be written again. What they hold stays on the disk. */
  free(slots: readonly RetiredSlot[]): void {
    for (const { slot } of slots) {
      this.#owners[slot] = undefined;
      this.#used -= 1;
    }
  }

  /** The same, and their space goes back to the file system, a part in each cycle. Throws what the system calls throw. */
  freeAndErase(slots: readonly RetiredSlot[]): void {
    this.free(slots);
    this.#unerased.push(...slots.map(({ slot }) => slot));
    try {
      this.#cutEnd();
      this.#eraseSome();
    } catch (error) {
      this.#unerased = [];
      throw error;
    }
  }

  /** Copies at the end of the file that are to move to free slots before them. */
  copiesToMove(): SegmentCopy[] {
    const most = Math.min(mostMovesPerCycle, Math.ceil(this.excess / freeSlotsPerMove));
    const copies: SegmentCopy[] = [];
    for (let slot = this.#owners.length - 1; slot >= 0 && copies.length < most; slot -= 1) {
      const owner = this.#owners[slot];
      if (owner !== undefined && owner !== unowned) {
        copies.push(owner);
      }
    }
    return copies;
  }

  /** Erases the sessions of free slots from the disk, if the file system can punch holes. */
  #eraseSome(): void {
    for (let count = 0; count < erasedPerCycle; count += 1) {
      const slot = this.#unerased.pop();
      if (slot === undefined || !this.#canPunch) {
        this.#unerased = [];
        return;
      }
      if (slot < this.#owners.length && this.#owners[slot] === undefined) {
        this.#canPunch = punchHole(this.#fd, this.startOf(slot), this.#slotBytes);
      }
    }
  }

  #cutEnd(): void {
    let length = this.#owners.length;
    for (let cut = 0; cut < cutsPerCycle; cut += 1) {
      if (length === 0 || this.#owners[length - 1] !== undefined) {
        break;
      }
      length -= 1;
    }
    if (length < this.#owners.length) {
      this.#owners.length = length;
    }
    const end = this.startOf(length);
    if (this.fileBytes > end) {
      ftruncateSync(this.#fd, end);
      this.fileBytes = end;
    }
  }
}
