/**
 * Takes records that were read back from a file into a circular log. They are
 * older than all that the log has received since the start, so they go into a
 * new segment in front of all others.
 */
import { type ByteSpan, longestIdBytes } from '../session-cache.ts';
import { noLocator } from './id-index.ts';
import type { Records } from './records.ts';
import type { Retention } from './retention.ts';
import { recordBytes, recordHeaderBytes, type Segment, word, wordsOf } from './segment.ts';

/** Tells whether a record no longer exists, by its arrival number and id. */
export type SkipRecord = (arrival: number, id: ByteSpan) => boolean;

export interface ReadBackRecords {
  /** The segment that holds what was taken in; undefined when that was nothing. */
  segment: Segment | undefined;
  /** The arrival numbers of records that are of no use: expired, replaced, or without room. */
  rejected: number[];
}

/**
 * Takes in one slot of a file. Of two records with the same id the one with the
 * later arrival stays.
 * @param contents whole records, one after the other, in the order of their arrival; wiped.
 */
export function takeIn(
  contents: readonly Buffer[],
  skip: SkipRecord,
  records: Records,
  retention: Retention,
  now: number,
): ReadBackRecords {
  const intake = new Intake(skip, records, retention, now);
  for (const bytes of contents) {
    intake.take(bytes);
    bytes.fill(0);
  }
  return intake;
}

class Intake implements ReadBackRecords {
  segment: Segment | undefined;
  readonly rejected: number[] = [];
  readonly #skip: SkipRecord;
  readonly #records: Records;
  readonly #retention: Retention;
  readonly #now: number;

  constructor(skip: SkipRecord, records: Records, retention: Retention, now: number) {
    this.#skip = skip;
    this.#records = records;
    this.#retention = retention;
    this.#now = now;
  }

  take(bytes: Buffer): void {
    const words = wordsOf(bytes);
    for (let offset = 0; offset < bytes.length;) {
      const at = offset >> 2;
      const idBytes = words[at + word.idLength]!;
      const sessionBytes = words[at + word.sessionLength]!;
      const arrival = words[at + word.arrivalHigh]! * 0x1_0000_0000 + words[at + word.arrivalLow]!;
      const storedAt = Math.min(this.#now, words[at + word.storedAt]!);
      const end = offset + recordBytes(idBytes, sessionBytes);
      const idStart = offset + recordHeaderBytes;
      const id = { buffer: bytes, start: idStart, end: idStart + idBytes };
      if (!this.#skip(arrival, id)) {
        const hash = this.#records.hashOf(id);
        if (this.#isWanted(arrival, id, hash, storedAt)) {
          this.#append({ buffer: bytes, start: offset, end }, arrival, hash, storedAt);
        }
      }
      offset = end;
    }
  }

  /** Whether the record is valid and newer than what the log has under its id, which then goes. */
  #isWanted(arrival: number, id: ByteSpan, hash: number, storedAt: number): boolean {
    if (this.#retention.hasExpired(storedAt, this.#now) || id.end - id.start > longestIdBytes) {
      this.rejected.push(arrival);
      return false;
    }
    const known = this.#records.find(id, hash);
    if (known === noLocator) {
      return true;
    }
    const other = this.#records.segmentOf(known);
    const otherOffset = this.#records.offsetOf(known);
    const otherArrival = other.arrivalAt(otherOffset);
    this.rejected.push(Math.min(arrival, otherArrival));
    if (otherArrival >= arrival) {
      return false;
    }
    this.#records.remove(other, otherOffset);
    if (this.segment?.inLog === false) {
      // Its only record was the one that has just been removed.
      this.segment = undefined;
    }
    return true;
  }

  #append(record: ByteSpan, arrival: number, hash: number, storedAt: number): void {
    const segment = this.#segmentFor(record.end - record.start);
    if (segment === undefined) {
      this.rejected.push(arrival);
      return;
    }
    this.#records.appendCopy(segment, record, hash, storedAt);
  }

  #segmentFor(size: number): Segment | undefined {
    const { chain } = this.#records;
    if ((this.segment?.used ?? 0) + size > chain.pool.segmentBytes) {
      return undefined;
    }
    if (this.segment === undefined) {
      this.segment = chain.prepend();
      if (this.segment !== undefined) {
        // New arrivals must not come after records that are older than others.
        this.segment.sealed = true;
      }
    }
    return this.segment;
  }
}
