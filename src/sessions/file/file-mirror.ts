/**
 * Keeps a circular log in a file (manifest.ts, frames.ts), which holds each
 * segment in a slot. This is the driver: it decides when to write, and
 * write-cycles.ts what. Nobody waits for the writes. They go to a descriptor
 * that stays open, as the path may be out of reach later.
 *
 *                something to write            its time
 *         idle ---------------------> waiting ----------> writing <------+
 *          ^                             ^                 |  |          |
 *          |  nothing more to write      |  more to write  |  |          |
 *          +-----------------------------+-----------------+  |          |
 *                                                 a write fails          |
 *                                                             v          | its time
 *                                                        suspending -> failed
 *
 *     idle, waiting, failed -- closeNow() -----------------------------> closed
 *     writing, suspending ---- closeNow() --> closing -- its end comes -> closed
 *
 *     idle        the file is up to date
 *     waiting     a timer is set for the next cycle of writes
 *     writing     a write of a cycle is under way
 *     suspending  a manifest without entries is being written, so that no restart
 *                 brings back what is gone by then
 *     failed      a timer is set for the next attempt to write everything anew
 *     closing     all is written; a write that was under way before hasn't ended
 *     closed      the descriptor is closed
 *
 * A first write that fails, of begin(), leads from idle to failed.
 *
 * At any moment the newest manifest describes what was true a cycle ago at the
 * most, whenever the process dies. When the kernel dies too, more may be lost:
 * nothing is synced, as a mail queue must not wait for a cache.
 */
import { closeSync, fstatSync, ftruncateSync } from 'node:fs';
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';
import type { CircularLog } from '../memory/circular-log.ts';
import type { LogMirror } from '../memory/log-mirror.ts';
import type { Segment } from '../memory/segment.ts';
import type { CacheName } from '../../config/cache-names.ts';
import type { ByteSpan } from '../session-cache.ts';
import type { FileKeys } from './cache-keys.ts';
import { type WriteAt, writeAt, type WriteAtNow, writeAtNow } from './positioned-writes.ts';
import { SegmentCopies, type SegmentCopy } from './segment-copy.ts';
import { SlotTable } from './slot-table.ts';
import { SlotWriter, type Write } from './slot-writer.ts';
import { UnreadSlots } from './unread-slots.ts';
import { type FileHistory, type WriteCycle, WriteCycles } from './write-cycles.ts';

export interface FileMirrorDependencies {
  log: Logger;
  /** For tests: how to write. */
  write?: WriteAt;
  /** For tests: how to write at exit. */
  writeNow?: WriteAtNow;
  /** From a change to its writing, in milliseconds. */
  flushEveryMs?: number;
  /** From a failure to the next attempt, in milliseconds; doubles each time. */
  retryMs?: number;
}

const usualFlushEveryMs = 250;
const usualRetryMs = 5000;
const longestRetryMs = 60_000;

type State =
  | { name: 'idle' }
  /** `isUrgent`: for no longer than a turn of the event loop, as the file would grow meanwhile. */
  | { name: 'waiting'; timer: NodeJS.Timeout; isUrgent: boolean }
  | { name: 'writing'; cycle: WriteCycle; inFlight: Write }
  | { name: 'suspending' }
  | { name: 'failed'; timer: NodeJS.Timeout }
  | { name: 'closing' }
  | { name: 'closed' };

export type MirrorState = State['name'];

export class FileMirror implements LogMirror {
  /** What is still to be read back. */
  readonly unread: UnreadSlots;
  /** Resolves when the file is closed, and free for others. */
  readonly fileClosed: Promise<void>;
  readonly #label: CacheName;
  readonly #fd: number;
  readonly #log: CircularLog;
  readonly #logger: Logger;
  readonly #write: WriteAt;
  readonly #writeNow: WriteAtNow;
  readonly #flushEveryMs: number;
  readonly #retryMs: number;
  readonly #copies = new SegmentCopies();
  readonly #slots: SlotTable;
  readonly #writer: SlotWriter;
  readonly #cycles: WriteCycles;
  #state: State = { name: 'idle' };
  /** Failures since everything was written last. */
  #failures = 0;
  #tellClosed: () => void = () => {};
  #waiting: (() => void)[] = [];

  constructor(
    label: CacheName,
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
    this.#logger = dependencies.log;
    this.#write = dependencies.write ?? writeAt;
    this.#writeNow = dependencies.writeNow ?? writeAtNow;
    this.#flushEveryMs = dependencies.flushEveryMs ?? usualFlushEveryMs;
    this.#retryMs = dependencies.retryMs ?? usualRetryMs;
    const { slotBytes } = log.settings;
    const slots = new SlotTable(fd, slotBytes, fstatSync(fd).size, history.lastWriteNumber);
    const writer = new SlotWriter(slots, history, keys, log.settings);
    const copies = this.#copies;
    const unread = new UnreadSlots(slots, copies);
    const { log: logger } = dependencies;
    this.#slots = slots;
    this.#writer = writer;
    this.unread = unread;
    this.#cycles = new WriteCycles({ label, log, history, copies, slots, unread, writer, logger });
    log.mirrorTo(this);
  }

  get state(): MirrorState {
    return this.#state.name;
  }

  // What the log tells.

  changed(segment: Segment): void {
    const copy = this.#copies.of(segment);
    if (!copy.isQueued) {
      this.#queue(copy);
    }
  }

  died(segment: Segment, offset: number): void {
    const copy = this.#copies.of(segment);
    if (offset < copy.writtenOffset) {
      copy.unwrittenDeaths.push(segment.arrivalAt(offset));
      if (!copy.isQueued) {
        this.#queue(copy);
      }
    }
  }

  released(segment: Segment): void {
    const copy = this.#copies.forget(segment);
    if (copy?.hasSlot !== true) {
      return;
    }
    this.#slots.retire(copy);
    const state = this.#state;
    const isUrgent = this.#slots.isPressed;
    if (state.name === 'idle' || (state.name === 'waiting' && isUrgent && !state.isUrgent)) {
      this.#wait(isUrgent ? 0 : this.#flushEveryMs, isUrgent);
    }
  }

  deleted(id: ByteSpan): void {
    this.unread.deleted(id);
  }

  flushed(): void {
    this.unread.forget();
  }

  fileBytes(): number {
    return this.#slots.fileBytes;
  }

  /** False from a failure until everything has been written anew. */
  healthy(): boolean {
    return this.#failures === 0;
  }

  /** Resolves as soon as there is nothing left to write, writing fails, or the file is closed. */
  written(): Promise<void> {
    const { name } = this.#state;
    if (name === 'closed' || (name !== 'writing' && !this.#cycles.hasWork)) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /**
   * A new file: gives it its first manifest, at once, and soon what the log holds
   * already. A failure is dealt with like any other.
   */
  begin(): void {
    try {
      this.#putNow(this.#cycles.emptyManifest());
      this.#slots.fileBytes = fstatSync(this.#fd).size;
      for (let at = this.#log.firstSegment; at !== undefined; at = at.next) {
        this.changed(at);
      }
    } catch (error) {
      this.#tellFault(error);
      this.#waitToRetry();
    }
  }

  /** Nothing more is read back. */
  readingEnded(): void {
    const { name } = this.#state;
    this.unread.end();
    if (name === 'idle' || name === 'waiting') {
      this.#wait(this.#flushEveryMs);
    }
  }

  closeNow(): void {
    const before = this.#state;
    if (before.name === 'closing' || before.name === 'closed') {
      return;
    }
    this.#enter({ name: 'closing' });
    try {
      if (before.name === 'writing') {
        // The kernel may still be reading from this buffer, so that it has to stay as
        // it is. Whichever of the two writes comes last, both write the same.
        this.#writer.leaveBuffer();
        this.#putNow(before.inFlight);
        this.#finishNow(before.cycle);
      }
      if (this.#cycles.isBehind || this.#failures > 0) {
        this.#finishNow(this.#cycles.cycle(false));
      }
      this.#finishNow(this.#cycles.lastManifests());
    } catch (error) {
      this.#tellFault(error);
      this.#emptyFile();
    }
    this.unread.close();
    this.#writer.wipe();
    if (before.name !== 'writing' && before.name !== 'suspending') {
      this.#closeFile();
    }
  }

  /** A copy lacks something of its segment. When one is queued already, the state isn't idle. */
  #queue(copy: SegmentCopy): void {
    this.#cycles.queue(copy);
    if (this.#state.name === 'idle') {
      this.#wait(this.#flushEveryMs);
    }
  }

  /** All changes of the state go through here. */
  #enter(next: State): void {
    if ('timer' in this.#state) {
      clearTimeout(this.#state.timer);
    }
    this.#state = next;
  }

  #wait(delayMs: number, isUrgent = false): void {
    this.#enter({ name: 'waiting', timer: this.#cycleIn(delayMs), isUrgent });
  }

  #waitToRetry(): void {
    const longestMs = Math.max(longestRetryMs, this.#retryMs);
    const delayMs = Math.min(this.#retryMs * 2 ** (this.#failures - 1), longestMs);
    this.#enter({ name: 'failed', timer: this.#cycleIn(delayMs) });
  }

  #cycleIn(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#advance(this.#cycles.cycle(true)), delayMs).unref();
  }

  /** Runs a cycle up to its next write, and on from there when that has ended. */
  #advance(cycle: WriteCycle): void {
    let step: IteratorResult<Write, void>;
    try {
      step = cycle.next();
    } catch (error) {
      this.#suspend(error);
      return;
    }
    if (step.done === true) {
      this.#cycleEnded();
      return;
    }
    const inFlight = step.value;
    this.#enter({ name: 'writing', cycle, inFlight });
    this.#put(inFlight, (error) => {
      if (error === null) {
        this.#advance(cycle);
      } else {
        cycle.return();
        this.#suspend(error);
      }
    });
  }

  #cycleEnded(): void {
    if (this.#failures > 0) {
      this.#failures = 0;
      this.#logger.info(`${this.#label} TLS session cache is kept in its file again`);
    }
    if (this.#cycles.hasWork) {
      const isUrgent = this.#slots.isPressed;
      this.#wait(isUrgent ? 0 : this.#flushEveryMs, isUrgent);
    } else {
      this.#enter({ name: 'idle' });
      this.#tellWaiting();
    }
  }

  /** After a failure: makes the file list nothing, and its slots free for the next attempt. */
  #suspend(fault: unknown): void {
    this.#tellFault(fault);
    this.#enter({ name: 'suspending' });
    this.#put(this.#cycles.emptyManifest(), (error) => {
      if (error === null) {
        this.#cycles.freeAllRetired();
      }
      this.#waitToRetry();
    });
    this.#tellWaiting();
  }

  #tellFault(error: unknown): void {
    this.#cycles.distrustFile();
    if (this.#failures === 0) {
      this.#logger.warning(
        `cannot write ${this.#label} TLS session cache: ${reasonOf(error)}; ` +
          'keeping it in memory alone',
      );
    }
    this.#failures += 1;
  }

  /** @param done not called when the mirror was closed meanwhile. */
  #put({ bytes, position }: Write, done: (error: Error | null) => void): void {
    this.#write(this.#fd, bytes, position, (error) => {
      bytes.fill(0);
      if (this.#state.name === 'closing') {
        this.#closeFile();
      } else {
        done(error);
      }
    });
  }

  #putNow({ bytes, position }: Write): void {
    this.#writeNow(this.#fd, bytes, position);
  }

  #finishNow(cycle: WriteCycle): void {
    for (const write of cycle) {
      this.#putNow(write);
    }
    this.#failures = 0;
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

  /** Only when no write is under way: nobody else may have the file before. */
  #closeFile(): void {
    this.#enter({ name: 'closed' });
    closeSync(this.#fd);
    this.#tellClosed();
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) {
      resolve();
    }
  }
}
