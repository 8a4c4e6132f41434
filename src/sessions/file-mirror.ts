/**
 * Keeps a circular log in a file (manifest.ts, frames.ts): each segment in a
 * slot. What has arrived and what has died since is appended to the slots every
 * quarter of a second, by positioned writes on a descriptor that is never
 * opened again; nobody waits for them. Then a manifest makes it count, and only
 * then are the slots of segments that are gone used for others.
 *
 * So at any moment the newest manifest describes what was true at most a cycle
 * ago, whenever the process dies. A kernel that dies with it may lose more:
 * nothing is synced, a cache isn't worth making a mail queue wait.
 *
 * When a write fails (a full disk, most of all): one warning, a manifest that
 * lists nothing, so that no restart brings back what is gone by then, and
 * another attempt at everything from time to time.
 */
import { closeSync, fstatSync, ftruncateSync, write, writeSync } from 'node:fs';
import { TlsmgrError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { punchHole, reasonOf, unlock } from '../system/calls.ts';
import type { FileKeys } from './cache-keys.ts';
import type { CircularLog, LogMirror } from './circular-log.ts';
import { FrameBuilder, usualPayloadBytes } from './frames.ts';
import { mostSlots } from './geometry.ts';
import { encodeManifest, manifestBytes, type ManifestEntry, slotsStart } from './manifest.ts';
import type { Segment, SlotPosition } from './segment.ts';
import type { ByteSpan, CacheLabel } from './session-cache.ts';

/** What of a file's past goes on. */
export interface FileHistory {
  fileId: Buffer;
  generation: number;
  epoch: number;
  lastWriteNumber: number;
}

export interface FileMirrorDependencies {
  log: Logger;
  /** For tests: how to write. */
  write?: (
    fd: number,
    bytes: Buffer,
    position: number,
    done: (error: Error | null) => void,
  ) => void;
  /** For tests: how to write at exit. */
  writeNow?: (fd: number, bytes: Buffer, position: number) => void;
  /** From a change to its writing, in milliseconds. */
  flushEveryMs?: number;
  /** From a failure to the next attempt, in milliseconds; doubles each time. */
  retryMs?: number;
}

interface Write {
  bytes: Buffer;
  position: number;
}

/** A slot that no segment wants any more, or that is still to be read back. */
const unowned = 'unowned';
type Owner = Segment | typeof unowned | undefined;

interface RetiredSlot {
  slot: number;
  /** What the manifest says of it until its records are certain to be elsewhere. */
  entry: ManifestEntry | undefined;
}

const usualFlushEveryMs = 250;
const usualRetryMs = 5000;
const longestRetryMs = 60_000;
/** Segments moved to the front of the file in one cycle: of so many free slots one. */
const freeSlotsPerMove = 4;
const mostMovesPerCycle = 64;
const deathsPerFrame = usualPayloadBytes / 8;
/** Slots cut off the end of the file in one cycle. */
const cutsPerCycle = 64;
const erasedPerCycle = 64;
/** How often a cycle looks for records that were moved before they were written. */
const turnsPerCycle = 8;

function writeFully(
  fd: number,
  bytes: Buffer,
  position: number,
  done: (error: Error | null) => void,
): void {
  write(fd, bytes, 0, bytes.length, position, (error, written) => {
    if (error === null && written < bytes.length) {
      // A short write: the next attempt says why.
      writeFully(fd, bytes.subarray(written), position + written, done);
    } else {
      done(error);
    }
  });
}

function writeFullyNow(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

function entryOf(segment: Segment): ManifestEntry {
  const { slotBytes, writeNumber, frames, deadFrames } = segment.position;
  return {
    slot: segment.slot,
    bytes: slotBytes,
    writeNumber,
    lastArrival: segment.lastArrival,
    frames,
    deadFrames,
  };
}

export class FileMirror implements LogMirror {
  readonly #label: CacheLabel;
  readonly #fd: number;
  readonly #log: CircularLog;
  readonly #keys: FileKeys | undefined;
  readonly #history: FileHistory;
  readonly #logger: Logger;
  readonly #write: NonNullable<FileMirrorDependencies['write']>;
  readonly #writeNow: NonNullable<FileMirrorDependencies['writeNow']>;
  readonly #flushEveryMs: number;
  readonly #retryMs: number;
  #nextRetryMs: number;
  #suspending = false;
  #armedAtOnce = false;
  #canPunch = true;
  /** Free slots that may still hold sessions. */
  #unerased: number[] = [];
  readonly #slotBytes: number;
  readonly #frames: Buffer;
  readonly #payload: Buffer;

  readonly #owners: Owner[] = [];
  #usedSlots = 0;
  #retired: RetiredSlot[] = [];
  /** Still to be read back. */
  readonly #unread = new Map<number, ManifestEntry>();
  #dirty: Segment[] = [];
  #fileBytes: number;
  #healthy = true;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** The cycle under way, and the write that it waits for. */
  #cycle: Generator<Write, void, void> | undefined;
  #inFlight: Write | undefined;
  /** Ids deleted while there is more to read back; undefined when there is not. */
  #deletedMeanwhile: Set<string> | undefined;
  #forgetRest = false;
  #waiting: (() => void)[] = [];

  constructor(
    label: CacheLabel,
    fd: number,
    log: CircularLog,
    history: FileHistory,
    keys: FileKeys | undefined,
    dependencies: FileMirrorDependencies,
  ) {
    this.#label = label;
    this.#fd = fd;
    this.#log = log;
    this.#history = { ...history };
    this.#keys = keys;
    this.#logger = dependencies.log;
    this.#write = dependencies.write ?? writeFully;
    this.#writeNow = dependencies.writeNow ?? writeFullyNow;
    this.#flushEveryMs = dependencies.flushEveryMs ?? usualFlushEveryMs;
    this.#retryMs = dependencies.retryMs ?? usualRetryMs;
    this.#nextRetryMs = this.#retryMs;
    this.#slotBytes = log.settings.slotBytes;
    this.#frames = Buffer.allocUnsafeSlow(this.#slotBytes);
    this.#payload = Buffer.allocUnsafeSlow(log.settings.segmentBytes);
    this.#fileBytes = fstatSync(fd).size;
    log.mirrorTo(this);
  }

  changed(segment: Segment): void {
    this.#queue(segment);
    if (this.#timer === undefined) {
      this.#arm(this.#flushEveryMs);
    }
  }

  released(segment: Segment): void {
    if (segment.slot >= 0) {
      this.#retire(segment);
      if (this.#timer === undefined || (this.#isPressed && !this.#armedAtOnce)) {
        this.#armedAtOnce = this.#isPressed;
        this.#arm(this.#isPressed ? 0 : this.#flushEveryMs);
      }
    }
  }

  deleted(id: ByteSpan): void {
    this.#deletedMeanwhile?.add(id.buffer.toString('latin1', id.start, id.end));
  }

  flushed(): void {
    this.#forgetRest = true;
  }

  /** Resolves as soon as there is nothing left to write, or writing fails. */
  written(): Promise<void> {
    if (this.#cycle === undefined && !this.#hasWork) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  fileBytes(): number {
    return this.#fileBytes;
  }

  healthy(): boolean {
    return this.#healthy;
  }

  closeNow(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    clearTimeout(this.#timer);
    const unfinished = this.#cycle;
    try {
      if (unfinished !== undefined && this.#inFlight !== undefined) {
        // Whether the one under way comes before or after, it writes the same.
        this.#writeNow(this.#fd, this.#inFlight.bytes, this.#inFlight.position);
        this.#finishNow(unfinished);
      }
      if (this.#dirty.length > 0 || this.#retired.length > 0 || !this.#healthy) {
        this.#finishNow(this.#oneCycle(false));
      }
      // Both copies say the same, so that either may be damaged.
      this.#retired = [];
      this.#finishNow(this.#writeManifest(this.#listed([])));
      this.#finishNow(this.#writeManifest(this.#listed([])));
    } catch (error) {
      this.#fail(error);
      this.#emptyFile();
    }
    if (this.#inFlight === undefined && !this.#suspending) {
      closeSync(this.#fd);
    } else {
      // The descriptor is in use until that write has come back.
      unlock(this.#fd);
    }
  }

  /** What the file lists isn't true any more and can't be put right: a restart must find nothing. */
  #emptyFile(): void {
    try {
      ftruncateSync(this.#fd, 0);
    } catch (error) {
      this.#logger.warning(
        `cannot empty the file of the ${this.#label} TLS session cache: ${reasonOf(error)}`,
      );
    }
  }

  /** A new file: gives it its first manifest, at once. A failure is dealt with like any other. */
  begin(): void {
    try {
      this.#finishNow(this.#writeManifest([]));
      this.#fileBytes = fstatSync(this.#fd).size;
    } catch (error) {
      this.#fail(error);
      this.#arm(this.#flushEveryMs);
    }
  }

  // What reading back needs.

  /** Before the first update: these slots stay as they are until they have been read. */
  expectSlots(entries: readonly ManifestEntry[]): void {
    this.#deletedMeanwhile = new Set();
    for (const entry of entries) {
      this.#owners[entry.slot] = unowned;
      this.#usedSlots += 1;
      this.#unread.set(entry.slot, entry);
    }
    for (let slot = 0; slot < this.#owners.length; slot += 1) {
      this.#owners[slot] ??= undefined;
    }
  }

  get wantsNoMore(): boolean {
    return this.#forgetRest || this.#closed;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  wasDeleted(id: ByteSpan): boolean {
    const set = this.#deletedMeanwhile;
    return (
      set !== undefined && set.size > 0 && set.has(id.buffer.toString('latin1', id.start, id.end))
    );
  }

  /** A slot has been read, and the segment holds what was of use. */
  adoptSlot(
    segment: Segment,
    slot: number,
    position: SlotPosition,
    rejected: number[],
    rewrite: boolean,
  ): void {
    this.#unread.delete(slot);
    segment.slot = slot;
    segment.position = position;
    segment.writtenOffset = segment.used;
    this.#owners[slot] = segment;
    if (rewrite) {
      this.#retire(segment);
      this.changed(segment);
    } else if (rejected.length > 0) {
      segment.unwrittenDeaths = rejected;
      this.changed(segment);
    }
  }

  /** A slot holds nothing of use. */
  dropSlot(slot: number): void {
    this.#unread.delete(slot);
    this.#retired.push({ slot, entry: undefined });
  }

  /** What is still unread is of no use. */
  readingEnded(): void {
    for (const slot of this.#unread.keys()) {
      this.dropSlot(slot);
    }
    this.#deletedMeanwhile = undefined;
    this.#arm(this.#flushEveryMs);
  }

  /** True while there may be more to read back: the file's slots aren't all known. */
  get #isReading(): boolean {
    return this.#deletedMeanwhile !== undefined;
  }

  get #hasWork(): boolean {
    return (
      this.#dirty.length > 0 ||
      this.#retired.length > 0 ||
      this.#unerased.length > 0 ||
      this.#slotsToGiveBack > 0
    );
  }

  #arm(delayMs: number): void {
    if (this.#closed || this.#suspending || this.#cycle !== undefined) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#armedAtOnce = false;
        this.#start();
      },
      this.#healthy ? delayMs : this.#nextRetryMs,
    );
    this.#timer.unref();
  }

  #start(): void {
    this.#cycle = this.#oneCycle(true);
    this.#advance();
  }

  /** Runs the cycle up to its next write, and on from there. */
  #advance(): void {
    const cycle = this.#cycle;
    if (cycle === undefined) {
      return;
    }
    let step: IteratorResult<Write, void>;
    try {
      step = cycle.next();
    } catch (error) {
      this.#giveUp(cycle, error);
      return;
    }
    const { value, done } = step;
    if (done === true) {
      this.#cycle = undefined;
      this.#inFlight = undefined;
      this.#recovered();
      if (this.#hasWork) {
        this.#arm(this.#isPressed ? 0 : this.#flushEveryMs);
      } else {
        this.#tellWaiting();
      }
      return;
    }
    this.#inFlight = value;
    this.#write(this.#fd, value.bytes, value.position, (error) => {
      if (this.#closed) {
        closeSync(this.#fd);
        return;
      }
      if (error === null) {
        this.#advance();
      } else {
        this.#giveUp(cycle, error);
      }
    });
  }

  #giveUp(cycle: Generator<Write, void, void>, error: unknown): void {
    this.#cycle = undefined;
    this.#inFlight = undefined;
    cycle.return();
    this.#fail(error);
    this.#suspend();
    this.#tellWaiting();
  }

  #finishNow(cycle: Generator<Write, void, void>): void {
    for (let step = cycle.next(); step.done !== true; step = cycle.next()) {
      this.#writeNow(this.#fd, step.value.bytes, step.value.position);
    }
    this.#healthy = true;
  }

  #tellWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) {
      resolve();
    }
  }

  #recovered(): void {
    if (!this.#healthy) {
      this.#healthy = true;
      this.#nextRetryMs = this.#retryMs;
      this.#logger.info(`${this.#label} TLS session cache is kept in its file again`);
    }
  }

  #fail(error: unknown): void {
    // What the file holds of the segments is anybody's guess: all are written anew.
    this.#dirty = [];
    for (let at = this.#log.firstSegment; at !== undefined; at = at.next) {
      if (at.slot >= 0) {
        this.#retire(at);
      }
      at.dirty = true;
      this.#dirty.push(at);
    }
    if (this.#healthy) {
      this.#healthy = false;
      this.#logger.warning(
        `cannot write ${this.#label} TLS session cache: ${reasonOf(error)}; ` +
          'keeping it in memory alone',
      );
    }
  }

  /**
   * Lists nothing, so that no restart reads what isn't true any more, and all
   * slots are free. It overwrites what is there, for which a full disk has room.
   */
  #suspend(): void {
    this.#nextRetryMs = Math.min(this.#nextRetryMs * 2, Math.max(longestRetryMs, this.#retryMs));
    const { value } = this.#writeManifest([]).next();
    if (value === undefined) {
      return;
    }
    this.#suspending = true;
    this.#write(this.#fd, value.bytes, value.position, (error) => {
      this.#suspending = false;
      if (this.#closed) {
        closeSync(this.#fd);
        return;
      }
      if (error === null) {
        // They keep their space: what is written next is to have it.
        for (const { slot } of this.#retired) {
          this.#owners[slot] = undefined;
          this.#usedSlots -= 1;
        }
        this.#retired = [];
      }
      this.#arm(this.#flushEveryMs);
    });
  }

  /**
   * Everything that there is to write, and then what makes it count. Requests
   * are served between any two writes: they add, remove, and move records.
   */
  *#oneCycle(tidy: boolean): Generator<Write, void, void> {
    const gone = this.#retired;
    this.#retired = [];
    if (tidy) {
      this.#moveForward();
    }
    // Deaths that happen from here on wait for the next cycle.
    const withDeaths = this.#dirty.filter((segment) => segment.unwrittenDeaths.length > 0);
    for (const segment of withDeaths) {
      segment.settledDeaths = segment.unwrittenDeaths.length;
    }
    let complete = false;
    try {
      // All that had arrived by now, wherever it has been moved since; and then
      // what has taken the place of some of it before it was written.
      const settled =
        (yield* this.#writeUpTo(this.#log.lastArrival)) &&
        (yield* this.#writeUpTo(this.#log.lastArrival));
      yield* this.#writeManifest(this.#listed(settled ? [] : gone));
      if (settled && withDeaths.length > 0) {
        for (const segment of withDeaths) {
          yield* this.#writeDeaths(segment);
        }
        yield* this.#writeManifest(this.#listed([]));
      }
      complete = settled;
    } finally {
      if (!complete) {
        this.#retired.push(...gone);
      }
    }
    for (let at = this.#log.firstSegment; at !== undefined; at = at.next) {
      at.settledDeaths = 0;
      if (at.unwrittenDeaths.length > 0) {
        this.#queue(at);
      }
    }
    if (complete) {
      this.#freeRetired(gone);
    }
  }

  /** @returns whether all records up to an arrival are written: those that were moved meanwhile need another turn. */
  *#writeUpTo(arrival: number): Generator<Write, boolean, void> {
    for (let turn = 0; turn < turnsPerCycle; turn += 1) {
      yield* this.#writeRecords(this.#takeDirty());
      if (this.#isWrittenUpTo(arrival)) {
        return true;
      }
    }
    return false;
  }

  #isWrittenUpTo(arrival: number): boolean {
    for (let at = this.#log.firstSegment; at !== undefined; at = at.next) {
      if (at.writtenOffset < at.used && at.arrivalAt(at.writtenOffset) <= arrival) {
        return false;
      }
    }
    return true;
  }

  #queue(segment: Segment): void {
    if (!segment.dirty) {
      segment.dirty = true;
      this.#dirty.push(segment);
    }
  }

  /** In the order of arrival, so that what takes a record's place is written after it. */
  #takeDirty(): Segment[] {
    const dirty = this.#dirty.filter((segment) => segment.inLog);
    this.#dirty = [];
    return dirty.toSorted((a, b) => a.lastArrival - b.lastArrival);
  }

  *#writeRecords(segments: readonly Segment[]): Generator<Write, void, void> {
    for (const segment of segments) {
      segment.dirty = false;
      if (segment.inLog) {
        yield* this.#writeSegment(segment);
      }
    }
  }

  /**
   * What the manifest lists: the slots of segments; those given up in this cycle,
   * whose records may not have been written elsewhere yet; and those still to be
   * read back, unless something was deleted that they may hold.
   */
  #listed(more: readonly RetiredSlot[]): ManifestEntry[] {
    const entries: ManifestEntry[] = [];
    for (let at = this.#log.firstSegment; at !== undefined; at = at.next) {
      if (at.slot >= 0 && at.writtenOffset > 0) {
        entries.push(entryOf(at));
      }
    }
    for (const { entry } of [...this.#retired, ...more]) {
      if (entry !== undefined) {
        entries.push(entry);
      }
    }
    if (this.#deletedMeanwhile?.size === 0 && !this.#forgetRest) {
      entries.push(...this.#unread.values());
    }
    return entries;
  }

  *#writeManifest(entries: ManifestEntry[]): Generator<Write, void, void> {
    this.#history.generation += 1;
    const { fileId, generation, epoch, lastWriteNumber } = this.#history;
    const bytes = encodeManifest({
      label: this.#label,
      slotBytes: this.#slotBytes,
      generation,
      epoch,
      lastArrival: this.#log.lastArrival,
      lastWriteNumber,
      fileId,
      writtenAt: this.#log.time.mark(),
      entries,
    });
    yield { bytes, position: (generation % 2) * manifestBytes };
  }

  *#writeSegment(segment: Segment): Generator<Write, void, void> {
    const built = this.#build(segment) ?? this.#buildAnew(segment);
    if (built !== undefined && built.bytes.length > 0) {
      yield built;
    }
  }

  *#writeDeaths(segment: Segment): Generator<Write, void, void> {
    if (segment.slot >= 0 && segment.settledDeaths > 0) {
      const built = this.#buildDeaths(segment) ?? this.#buildAnew(segment);
      if (built !== undefined) {
        yield built;
      }
    }
  }

  #buildAnew(segment: Segment): Write | undefined {
    if (segment.slot >= 0) {
      this.#retire(segment);
    }
    return this.#build(segment);
  }

  /** @returns undefined when the slot has no room for it. */
  #build(segment: Segment): Write | undefined {
    if (segment.slot < 0) {
      this.#allot(segment);
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
      if (payloadBytes > 0 && !builder.add('records', payload, position, this.#history)) {
        return undefined;
      }
    }
    segment.writtenOffset = segment.used;
    return this.#built(segment, builder, position);
  }

  /** @returns undefined when the slot has no room for it. */
  #buildDeaths(segment: Segment): Write | undefined {
    const builder = this.#builderFor(segment);
    const position = { ...segment.position };
    const deaths = segment.unwrittenDeaths.slice(0, segment.settledDeaths);
    for (let at = 0; at < deaths.length; at += deathsPerFrame) {
      const some = deaths.slice(at, at + deathsPerFrame);
      const payload = Buffer.alloc(some.length * 8);
      for (const [index, arrival] of some.entries()) {
        payload.writeDoubleLE(arrival, index * 8);
      }
      if (!builder.add('deaths', payload, position, this.#history)) {
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

  /** What is built counts as written from now on: a failure has everything written anew. */
  #built(segment: Segment, builder: FrameBuilder, position: SlotPosition): Write {
    const start = this.#slotStart(segment.slot) + segment.position.slotBytes;
    segment.position = position;
    this.#fileBytes = Math.max(this.#fileBytes, start + builder.length);
    return { bytes: builder.bytes, position: start };
  }

  #slotStart(slot: number): number {
    return slotsStart + slot * this.#slotBytes;
  }

  /** Many slots wait to be used again: a file that grows isn't worth the wait for the next cycle. */
  get #isPressed(): boolean {
    return this.#retired.length > 16 + this.#usedSlots / 16;
  }

  /** Gives a segment a slot. Throws TlsmgrError `STORAGE` when the file can't have more. */
  #allot(segment: Segment): void {
    let slot = this.#owners.indexOf(undefined);
    if (slot < 0) {
      slot = this.#owners.length;
    }
    if (slot >= mostSlots) {
      throw new TlsmgrError('STORAGE', 'its file has no free slot');
    }
    this.#owners[slot] = segment;
    this.#usedSlots += 1;
    this.#history.lastWriteNumber += 1;
    segment.slot = slot;
    segment.writtenOffset = 0;
    segment.unwrittenDeaths = [];
    segment.settledDeaths = 0;
    segment.position = {
      writeNumber: this.#history.lastWriteNumber,
      slotBytes: 0,
      frames: 0,
      deadFrames: 0,
    };
  }

  /** The slot is to be free, as soon as a manifest without it is written. */
  #retire(segment: Segment): void {
    this.#owners[segment.slot] = unowned;
    const entry = segment.writtenOffset > 0 ? entryOf(segment) : undefined;
    this.#retired.push({ slot: segment.slot, entry });
    segment.slot = -1;
    segment.writtenOffset = 0;
    segment.unwrittenDeaths = [];
    segment.settledDeaths = 0;
  }

  #freeRetired(gone: readonly RetiredSlot[]): void {
    for (const { slot } of gone) {
      this.#owners[slot] = undefined;
      this.#usedSlots -= 1;
      this.#unerased.push(slot);
    }
    try {
      this.#cutEnd();
      this.#eraseSome();
    } catch (error) {
      this.#unerased = [];
      this.#logger.warning(
        `cannot give back space of the ${this.#label} TLS session cache: ${reasonOf(error)}`,
      );
    }
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
        this.#canPunch = punchHole(this.#fd, this.#slotStart(slot), this.#slotBytes);
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
    const end = this.#slotStart(length);
    if (this.#fileBytes > end) {
      ftruncateSync(this.#fd, end);
      this.#fileBytes = end;
    }
  }

  /** Free slots, when there are too many of them and nothing is being read. */
  get #slotsToGiveBack(): number {
    const free = this.#owners.length - this.#usedSlots;
    return this.#isReading || free <= 2 + this.#usedSlots / 16 ? 0 : free;
  }

  /** Moves segments from the end of the file into free slots before it. */
  #moveForward(): void {
    let free = this.#slotsToGiveBack;
    let moves = Math.min(mostMovesPerCycle, Math.ceil(free / freeSlotsPerMove));
    for (let slot = this.#owners.length - 1; slot >= 0 && moves > 0 && free > 0; slot -= 1) {
      const owner = this.#owners[slot];
      if (owner !== undefined && owner !== unowned) {
        this.#retire(owner);
        this.#queue(owner);
        moves -= 1;
        free -= 1;
      }
    }
  }
}
