/**
 * The work of a circular log that no request asks for: removing expired entries,
 * shrinking to lower limits, and packing. One step does a little of each. The
 * janitor says when; it owns the timer.
 */
import type { CacheTime } from './cache-time.ts';
import { Janitor } from './janitor.ts';
import { Packer } from './packing.ts';
import type { Records } from './records.ts';
import type { Retention } from './retention.ts';

/**
 * Entries that one step removes. That takes about 40 us, and then the janitor
 * waits. So it never keeps the processor from a client for long.
 */
const entriesPerStep = 64;
/** Share of the segments' room without live records above which the janitor packs. */
const usualWaste = 0.1;
/** The same share, above which each update packs one segment as well. */
const mostWaste = 0.12;

export class BackgroundWork {
  readonly #retention: Retention;
  readonly #time: CacheTime;
  readonly #packer: Packer;
  readonly #janitor = new Janitor(() => this.#step());

  constructor(records: Records, retention: Retention, time: CacheTime) {
    this.#retention = retention;
    this.#time = time;
    this.#packer = new Packer(records.chain, records);
  }

  /** Records have been removed, and have left holes. */
  afterRemoval(): void {
    if (!this.#janitor.isWorking && this.#packer.isWorthAbove(usualWaste)) {
      this.#janitor.wake();
    }
  }

  /** Records that were read back have been added. */
  afterReadBack(): void {
    if (this.#janitor.isIdle) {
      this.#janitor.waitFor(this.#retention.untilExpiry());
    }
    this.afterRemoval();
  }

  /** A record has been added, and others may have been removed for it. */
  afterUpdate(): void {
    if (this.#janitor.isIdle) {
      this.#janitor.waitFor(this.#retention.untilExpiry());
    }
    if (this.#packer.isWorthAbove(usualWaste)) {
      this.#janitor.wake();
      if (this.#packer.isWorthAbove(mostWaste)) {
        this.#packer.packOne();
      }
    }
  }

  /** The limits have changed. */
  afterChange(): void {
    this.#janitor.wake();
  }

  /** All segments have been released. */
  afterFlush(): void {
    this.#packer.reset();
  }

  /** Ends the work for good. */
  close(): void {
    this.#janitor.close();
  }

  /** @returns what Work asks for (janitor.ts). */
  #step(): 'more' | number | undefined {
    const expired = this.#retention.expire(entriesPerStep, this.#time.now()) === entriesPerStep;
    const more = this.#retention.shrink(entriesPerStep) || expired;
    const packed = this.#packer.isWorthAbove(usualWaste) && this.#packer.packOne();
    return more || packed ? 'more' : this.#retention.untilExpiry();
  }
}
