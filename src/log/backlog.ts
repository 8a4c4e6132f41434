/**
 * What one destination of the log has still to get: the queue of lines, and the
 * line that says how many were lost. It says which lines are next.
 */
import { LineBlock } from './line-block.ts';
import { LineQueue } from './line-queue.ts';

/** A line outside the queue, which is sent before it. */
interface OwnLine {
  block: LineBlock;
  /** How many lost lines it speaks of. 0: it was in the queue, and has been sent in part. */
  lost: number;
}

export class Backlog {
  readonly #queue: LineQueue;
  readonly #lossLine: (lost: number) => LineBlock;
  #own: OwnLine | undefined;
  #lost = 0;

  /** @param lossLine makes the line that says how many were lost. */
  constructor(limitBytes: number, lossLine: (lost: number) => LineBlock) {
    this.#queue = new LineQueue(limitBytes);
    this.#lossLine = lossLine;
  }

  /** Lines that have not left yet. */
  get lines(): number {
    return this.#queue.count + (this.#own?.lost === 0 ? 1 : 0) + (this.#lost > 0 ? 1 : 0);
  }

  add(head: Buffer, text: string, terminator: number): void {
    this.#queue.push(head, text, terminator);
  }

  /** Drops the oldest lines if the queue is longer than its limit, and counts them. */
  trim(): void {
    const own = this.#own;
    this.#lost += this.#queue.trim(own?.lost === 0 ? own.block.bytesBetween(0, 1) : 0);
  }

  /** The lines to send next. There must be some. */
  next(): LineBlock {
    if (this.#own === undefined && this.#lost > 0) {
      this.#own = { block: this.#lossLine(this.#lost), lost: this.#lost };
    }
    return this.#own?.block ?? this.#queue.oldest;
  }

  /**
   * To be called after lines of next() have been sent: all, some or none.
   * @param midway the first of those that are left has been sent in part.
   */
  settle(block: LineBlock, midway: boolean): void {
    const own = this.#own;
    if (own?.block !== block) {
      this.#queue.settle();
      if (midway) {
        // The queue may drop any of its lines, but not this one.
        this.#own = { block: this.#queue.takeOldest(), lost: 0 };
      }
    } else if (block.first === block.end) {
      this.#lost -= own.lost;
      this.#own = undefined;
    } else if (own.lost > 0 && !midway) {
      // It is made again: more may be lost by then.
      this.#own = undefined;
    }
  }

  clear(): void {
    this.#queue.clear();
    this.#own = undefined;
    this.#lost = 0;
  }
}
