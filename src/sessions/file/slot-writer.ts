/**
 * Builds what is to be appended to a segment's slot in the file: frames
 * (frames.ts) of the records that have arrived since the last time, or of the
 * records that have died. What is built counts as written at once. If it can't be
 * written after all, the caller has everything written anew.
 */
import type { FileKeys } from './cache-keys.ts';
import { FrameBuilder, type FrameStamp, type SlotPosition, usualPayloadBytes } from './frames.ts';
import type { SegmentCopy } from './segment-copy.ts';
import type { SlotTable } from './slot-table.ts';

export interface Write {
  /** The caller has to overwrite them once they are in the file: they may hold sessions in the clear. */
  bytes: Buffer;
  position: number;
}

const deathsPerFrame = usualPayloadBytes / 8;

export class SlotWriter {
  readonly #slots: SlotTable;
  readonly #stamp: FrameStamp;
  readonly #keys: FileKeys | undefined;
  readonly #slotBytes: number;
  #frames: Buffer;
  readonly #payload: Buffer;

  /** @param stamp what the frames are bound to besides their place: the file and its epoch. */
  constructor(
    slots: SlotTable,
    stamp: FrameStamp,
    keys: FileKeys | undefined,
    { slotBytes, segmentBytes }: { slotBytes: number; segmentBytes: number },
  ) {
    this.#slots = slots;
    this.#stamp = stamp;
    this.#keys = keys;
    this.#slotBytes = slotBytes;
    this.#frames = Buffer.allocUnsafeSlow(slotBytes);
    this.#payload = Buffer.allocUnsafeSlow(segmentBytes);
  }

  /** Uses another buffer from now on, as what was built last is still being written. */
  leaveBuffer(): void {
    this.#frames = Buffer.allocUnsafeSlow(this.#slotBytes);
  }

  /** Overwrites the buffers. No write from them may be under way. */
  wipe(): void {
    this.#frames.fill(0);
    this.#payload.fill(0);
  }

  /** The records that have arrived. If the slot is full, all live records, for another slot. */
  records(copy: SegmentCopy): Write | undefined {
    return this.#records(copy) ?? this.#recordsAnew(copy);
  }

  /** The settled deaths. If the slot is full, all live records, for another slot. */
  deaths(copy: SegmentCopy): Write | undefined {
    return this.#deaths(copy) ?? this.#recordsAnew(copy);
  }

  #recordsAnew(copy: SegmentCopy): Write | undefined {
    if (copy.hasSlot) {
      this.#slots.retire(copy);
    }
    return this.#records(copy);
  }

  /** @returns undefined if the slot has no room for them. */
  #records(copy: SegmentCopy): Write | undefined {
    if (!copy.hasSlot) {
      this.#slots.allot(copy);
    }
    const builder = this.#builderFor(copy);
    const position = { ...copy.position };
    const { segment } = copy;
    let offset = copy.writtenOffset;
    while (offset < segment.used) {
      let payloadBytes = 0;
      while (offset < segment.used) {
        const size = segment.sizeAt(offset);
        if (segment.isDeadAt(offset)) {
          offset += size;
          continue;
        }
        if (payloadBytes > 0 && payloadBytes + size > usualPayloadBytes) {
          break;
        }
        segment.buffer.copy(this.#payload, payloadBytes, offset, offset + size);
        payloadBytes += size;
        offset += size;
      }
      const payload = this.#payload.subarray(0, payloadBytes);
      const added = payloadBytes === 0 || builder.add('records', payload, position, this.#stamp);
      payload.fill(0);
      if (!added) {
        builder.bytes.fill(0);
        return undefined;
      }
    }
    copy.writtenOffset = segment.used;
    return this.#built(copy, builder, position);
  }

  /** @returns undefined if the slot has no room for them. */
  #deaths(copy: SegmentCopy): Write | undefined {
    const builder = this.#builderFor(copy);
    const position = { ...copy.position };
    const deaths = copy.unwrittenDeaths.slice(0, copy.settledDeaths);
    for (let at = 0; at < deaths.length; at += deathsPerFrame) {
      const some = deaths.slice(at, at + deathsPerFrame);
      const payload = Buffer.alloc(some.length * 8);
      for (const [index, arrival] of some.entries()) {
        payload.writeDoubleLE(arrival, index * 8);
      }
      if (!builder.add('deaths', payload, position, this.#stamp)) {
        return undefined;
      }
    }
    copy.unwrittenDeaths = copy.unwrittenDeaths.slice(deaths.length);
    copy.settledDeaths = 0;
    return this.#built(copy, builder, position);
  }

  /** Builds as much as the rest of the slot has room for. */
  #builderFor(copy: SegmentCopy): FrameBuilder {
    const room = this.#slotBytes - copy.position.slotBytes;
    return new FrameBuilder(this.#frames.subarray(0, room), this.#keys);
  }

  #built(copy: SegmentCopy, builder: FrameBuilder, position: SlotPosition): Write {
    const start = this.#slots.startOf(copy.slot) + copy.position.slotBytes;
    copy.position = position;
    this.#slots.fileBytes = Math.max(this.#slots.fileBytes, start + builder.length);
    return { bytes: builder.bytes, position: start };
  }
}
