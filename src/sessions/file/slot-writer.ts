/**
 * Builds what is to be appended to a segment's slot in the file: frames
 * (frames.ts) of records that have arrived and of deaths, since the last time.
 * What is built counts as written: whoever fails to write it has everything
 * written anew.
 */
import type { FileKeys } from './cache-keys.ts';
import { type FrameStamp, FrameBuilder, usualPayloadBytes } from './frames.ts';
import type { Segment, SlotPosition } from '../memory/segment.ts';
import type { SlotTable } from './slot-table.ts';

export interface Write {
  /** To be overwritten once they are in the file: they may hold sessions in the clear. */
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

  /** Builds in other memory from now on: what was built last is still being written. */
  leaveBuffer(): void {
    this.#frames = Buffer.allocUnsafeSlow(this.#slotBytes);
  }

  /** Overwrites what it has built from. Nothing may be under way. */
  wipe(): void {
    this.#frames.fill(0);
    this.#payload.fill(0);
  }

  /** The records that have arrived, in another slot when this one is full. */
  records(segment: Segment): Write | undefined {
    return this.#records(segment) ?? this.#recordsAnew(segment);
  }

  /** The deaths that are settled; all that lives, in another slot, when this one is full. */
  deaths(segment: Segment): Write | undefined {
    return this.#deaths(segment) ?? this.#recordsAnew(segment);
  }

  #recordsAnew(segment: Segment): Write | undefined {
    if (segment.slot >= 0) {
      this.#slots.retire(segment);
    }
    return this.#records(segment);
  }

  /** @returns undefined when the slot has no room for it. */
  #records(segment: Segment): Write | undefined {
    if (segment.slot < 0) {
      this.#slots.allot(segment);
    }
    const builder = this.#builderFor(segment);
    const position = { ...segment.position };
    let offset = segment.writtenOffset;
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
    segment.writtenOffset = segment.used;
    return this.#built(segment, builder, position);
  }

  /** @returns undefined when the slot has no room for it. */
  #deaths(segment: Segment): Write | undefined {
    const builder = this.#builderFor(segment);
    const position = { ...segment.position };
    const deaths = segment.unwrittenDeaths.slice(0, segment.settledDeaths);
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
    segment.unwrittenDeaths = segment.unwrittenDeaths.slice(deaths.length);
    segment.settledDeaths = 0;
    return this.#built(segment, builder, position);
  }

  /** For what the rest of a segment's slot can take. */
  #builderFor(segment: Segment): FrameBuilder {
    const room = this.#slotBytes - segment.position.slotBytes;
    return new FrameBuilder(this.#frames.subarray(0, room), this.#keys);
  }

  #built(segment: Segment, builder: FrameBuilder, position: SlotPosition): Write {
    const start = this.#slots.startOf(segment.slot) + segment.position.slotBytes;
    segment.position = position;
    this.#slots.fileBytes = Math.max(this.#slots.fileBytes, start + builder.length);
    return { bytes: builder.bytes, position: start };
  }
}
