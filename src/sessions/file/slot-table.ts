/**
 * Which slot of a cache's file belongs to which segment. A slot that its
 * segment has no use for is retired first: it may be written again only when a
 * manifest without it is in the file. Then it is free, its sessions are taken
 * off the disk, and free slots at the end are cut off the file.
 */
import { ftruncateSync } from 'node:fs';
import { TlsmgrError } from '../../errors.ts';
import { punchHole } from '../../system/calls.ts';
import { mostSlots } from './geometry.ts';
import { type ManifestEntry, slotsStart } from './manifest.ts';
import type { SegmentCopy } from './segment-copy.ts';

export interface RetiredSlot {
  slot: number;
  /** What the manifest says of it until its records are certain to be elsewhere. */
  entry: ManifestEntry | undefined;
}

/** A slot that no segment wants any more, or that is still to be read back. */
const unowned = 'unowned';
type Owner = SegmentCopy | typeof unowned | undefined;

/** Slots cut off the end of the file in one cycle. */
const cutsPerCycle = 64;
const erasedPerCycle = 64;
/** Segments moved to the front of the file in one cycle: of so many free slots one. */
const freeSlotsPerMove = 4;
const mostMovesPerCycle = 64;

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

  /** @param lastWriteNumber the greatest that any content of a slot ever had. */
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

  /** Many slots wait to be used again: a file that grows isn't worth the wait for the next cycle. */
  get isPressed(): boolean {
    return this.#retired.length > 16 + this.#used / 16;
  }

  /** Whether there are free slots whose sessions are still to be taken off the disk. */
  get hasUnerased(): boolean {
    return this.#unerased.length > 0;
  }

  /** Free slots, when there are too many of them. */
  get excess(): number {
    const free = this.#owners.length - this.#used;
    return free <= 2 + this.#used / 16 ? 0 : free;
  }

  /** Where in the file a slot begins. */
  startOf(slot: number): number {
    return slotsStart + slot * this.#slotBytes;
  }

  /** Slots that are still to be read back. */
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

  /** Gives a segment a slot. Throws TlsmgrError `STORAGE` when the file can't have more. */
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

  /** The segment's slot is to be free, as soon as a manifest without it is written. */
  retire(copy: SegmentCopy): void {
    this.#owners[copy.slot] = unowned;
    const entry = copy.writtenOffset > 0 ? entryOf(copy) : undefined;
    this.#retired.push({ slot: copy.slot, entry });
    copy.leaveSlot();
  }

  /** The same for a slot that no segment has. */
  retireUnowned(slot: number): void {
    this.#retired.push({ slot, entry: undefined });
  }

  /** Hands over what is retired: the caller frees it, or puts it back. */
  takeRetired(): RetiredSlot[] {
    const retired = this.#retired;
    this.#retired = [];
    return retired;
  }

  putBackRetired(slots: readonly RetiredSlot[]): void {
    this.#retired.push(...slots);
  }

  /** They may be written again; what they hold stays. */
  free(slots: readonly RetiredSlot[]): void {
    for (const { slot } of slots) {
      this.#owners[slot] = undefined;
      this.#used -= 1;
    }
  }

  /** The same; and their space goes back to the file system, a part at a time. Throws what that throws. */
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

  /** Copies at the end of the file that are better moved to free slots before them. */
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

  /** Takes the sessions of free slots off the disk, where the file system can do it at once. */
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
