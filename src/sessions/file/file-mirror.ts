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
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';
import type { FileKeys } from './cache-keys.ts';
import type { CircularLog, LogMirror } from '../memory/circular-log.ts';
import { encodeManifest, manifestBytes, type ManifestEntry } from './manifest.ts';
import type { Segment, SlotPosition } from '../memory/segment.ts';
import type { ByteSpan, CacheLabel } from '../session-cache.ts';
import { entryOf, type RetiredSlot, SlotTable } from './slot-table.ts';
import { SlotWriter, type Write } from './slot-writer.ts';

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

const usualFlushEveryMs = 250;
const usualRetryMs = 5000;
const longestRetryMs = 60_000;
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

export class FileMirror implements LogMirror {
  readonly #label: CacheLabel;
  readonly #fd: number;
  readonly #log: CircularLog;
  readonly #history: FileHistory;
  readonly #logger: Logger;
  readonly #write: NonNullable<FileMirrorDependencies['write']>;
  readonly #writeNow: NonNullable<FileMirrorDependencies['writeNow']>;
  readonly #flushEveryMs: number;
  readonly #retryMs: number;
  #nextRetryMs: number;
  #suspending = false;
  #armedAtOnce = false;
  readonly #slots: SlotTable;
  readonly #writer: SlotWriter;
  /** Still to be read back. */
  readonly #unread = new Map<number, ManifestEntry>();
  #dirty: Segment[] = [];
  #healthy = true;
  #closed = false;
  /** Resolves when the file is closed, and free for others. */
  readonly fileClosed: Promise<void>;
  #tellClosed: () => void = () => {};
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
    this.fileClosed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
    this.#label = label;
    this.#fd = fd;
    this.#log = log;
    this.#history = { ...history };
    this.#logger = dependencies.log;
    this.#write = dependencies.write ?? writeFully;
    this.#writeNow = dependencies.writeNow ?? writeFullyNow;
    this.#flushEveryMs = dependencies.flushEveryMs ?? usualFlushEveryMs;
    this.#retryMs = dependencies.retryMs ?? usualRetryMs;
    this.#nextRetryMs = this.#retryMs;
    const { slotBytes } = log.settings;
    this.#slots = new SlotTable(fd, slotBytes, fstatSync(fd).size, history.lastWriteNumber);
    this.#writer = new SlotWriter(this.#slots, history, keys, log.settings);
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
      this.#slots.retire(segment);
      if (this.#timer === undefined || (this.#slots.isPressed && !this.#armedAtOnce)) {
        this.#armedAtOnce = this.#slots.isPressed;
        this.#arm(this.#slots.isPressed ? 0 : this.#flushEveryMs);
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
    return this.#slots.fileBytes;
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
        // Whether the one under way comes before or after, it writes the same: its
        // buffer stays as it is.
        this.#writer.leaveBuffer();
        this.#writeNow(this.#fd, this.#inFlight.bytes, this.#inFlight.position);
        this.#finishNow(unfinished);
      }
      if (this.#dirty.length > 0 || this.#slots.retired.length > 0 || !this.#healthy) {
        this.#finishNow(this.#oneCycle(false));
      }
      // Both copies say the same, so that either may be damaged.
      this.#slots.takeRetired();
      this.#finishNow(this.#writeManifest(this.#listed([])));
      this.#finishNow(this.#writeManifest(this.#listed([])));
    } catch (error) {
      this.#fail(error);
      this.#emptyFile();
    }
    this.#writer.wipe();
    if (this.#inFlight === undefined && !this.#suspending) {
      this.#letGo();
    }
  }

  /** Only when no write is under way: nobody else may have the file before. */
  #letGo(): void {
    closeSync(this.#fd);
    this.#tellClosed();
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

  /**
   * A new file: gives it its first manifest, at once, and soon what the log holds
   * already. A failure is dealt with like any other.
   */
  begin(): void {
    try {
      this.#finishNow(this.#writeManifest([]));
      this.#slots.fileBytes = fstatSync(this.#fd).size;
      for (let at = this.#log.firstSegment; at !== undefined; at = at.next) {
        this.changed(at);
      }
    } catch (error) {
      this.#fail(error);
      this.#arm(this.#flushEveryMs);
    }
  }

  // What reading back needs.

  /** Before the first update: these slots stay as they are until they have been read. */
  expectSlots(entries: readonly ManifestEntry[]): void {
    this.#deletedMeanwhile = new Set();
    this.#slots.expect(entries.map(({ slot }) => slot));
    for (const entry of entries) {
      this.#unread.set(entry.slot, entry);
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
    this.#slots.adopt(slot, segment);
    segment.position = position;
    segment.writtenOffset = segment.used;
    if (rewrite) {
      this.#slots.retire(segment);
      this.changed(segment);
    } else if (rejected.length > 0) {
      segment.unwrittenDeaths = rejected;
      this.changed(segment);
    }
  }

  /** A slot holds nothing of use. */
  dropSlot(slot: number): void {
    this.#unread.delete(slot);
    this.#slots.retireUnowned(slot);
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
      this.#slots.retired.length > 0 ||
      this.#slots.hasUnerased ||
      this.#hasExcessSlots
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
        this.#arm(this.#slots.isPressed ? 0 : this.#flushEveryMs);
      } else {
        this.#tellWaiting();
      }
      return;
    }
    this.#inFlight = value;
    this.#write(this.#fd, value.bytes, value.position, (error) => {
      value.bytes.fill(0);
      if (this.#closed) {
        this.#letGo();
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
        this.#slots.retire(at);
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
        this.#letGo();
        return;
      }
      if (error === null) {
        // They keep their space: what is written next is to have it.
        this.#slots.free(this.#slots.takeRetired());
      }
      this.#arm(this.#flushEveryMs);
    });
  }

  /**
   * Everything that there is to write, and then what makes it count. Requests
   * are served between any two writes: they add, remove, and move records.
   */
  *#oneCycle(tidy: boolean): Generator<Write, void, void> {
    const gone = this.#slots.takeRetired();
    if (tidy && this.#hasExcessSlots) {
      for (const segment of this.#slots.segmentsToMove()) {
        this.#slots.retire(segment);
        this.#queue(segment);
      }
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
        this.#slots.putBackRetired(gone);
      }
    }
    for (let at = this.#log.firstSegment; at !== undefined; at = at.next) {
      at.settledDeaths = 0;
      if (at.unwrittenDeaths.length > 0) {
        this.#queue(at);
      }
    }
    if (complete) {
      this.#giveBack(gone);
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
    for (const { entry } of [...this.#slots.retired, ...more]) {
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
    const { fileId, generation, epoch } = this.#history;
    const bytes = encodeManifest({
      label: this.#label,
      slotBytes: this.#log.settings.slotBytes,
      generation,
      epoch,
      lastArrival: this.#log.lastArrival,
      lastWriteNumber: this.#slots.lastWriteNumber,
      fileId,
      writtenAt: this.#log.time.mark(),
      entries,
    });
    yield { bytes, position: (generation % 2) * manifestBytes };
  }

  *#writeSegment(segment: Segment): Generator<Write, void, void> {
    const built = this.#writer.records(segment);
    if (built !== undefined && built.bytes.length > 0) {
      yield built;
    }
  }

  *#writeDeaths(segment: Segment): Generator<Write, void, void> {
    if (segment.slot >= 0 && segment.settledDeaths > 0) {
      const built = this.#writer.deaths(segment);
      if (built !== undefined) {
        yield built;
      }
    }
  }

  #giveBack(slots: readonly RetiredSlot[]): void {
    try {
      this.#slots.freeAndErase(slots);
    } catch (error) {
      this.#logger.warning(
        `cannot give back space of the ${this.#label} TLS session cache: ${reasonOf(error)}`,
      );
    }
  }

  /** Too many free slots, while nothing is being read. */
  get #hasExcessSlots(): boolean {
    return !this.#isReading && this.#slots.excess > 0;
  }
}
