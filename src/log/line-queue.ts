/** Log lines that wait for their reader, oldest first, up to a number of bytes. */
import { LineBlock } from './line-block.ts';

export class LineQueue {
  readonly #limitBytes: number;
  /** Oldest first. The only one is kept when it is empty. */
  #blocks: LineBlock[] = [];
  /** One that has been emptied, for the next lines. */
  #spare: LineBlock | undefined;
  /** The oldest line of the first block that is still counted. */
  #first = 0;
  #bytes = 0;
  #count = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Lines. */
  get count(): number {
    return this.#count;
  }

  /** The block with the oldest line. There must be one. */
  get oldest(): LineBlock {
    return this.#blocks[0]!;
  }

  push(head: Buffer, text: string, terminator: number): void {
    let block = this.#blocks[this.#blocks.length - 1];
    if (block === undefined || !block.add(head, text, terminator)) {
      block = this.#spare ?? new LineBlock();
      this.#spare = undefined;
      this.#blocks.push(block);
      block.add(head, text, terminator);
    }
    this.#count += 1;
    this.#bytes += block.bytesBetween(block.end - 1, block.end);
  }

  /** Forgets the lines that the oldest block's `first` has moved past. */
  settle(): void {
    const block = this.oldest;
    this.#count -= block.first - this.#first;
    this.#bytes -= block.bytesBetween(this.#first, block.first);
    this.#first = block.first;
    if (block.first === block.end) {
      block.clear();
      this.#first = 0;
      if (this.#blocks.length > 1) {
        this.#blocks.shift();
        this.#spare = block;
      }
    }
  }

  /**
   * Drops the oldest lines until the rest is within the limit. The newest always stays.
   * @param otherBytes what counts towards the limit as well. @returns how many were dropped.
   */
  trim(otherBytes: number): number {
    let dropped = 0;
    while (this.#bytes + otherBytes > this.#limitBytes && this.#count > 1) {
      this.oldest.first += 1;
      this.settle();
      dropped += 1;
    }
    return dropped;
  }

  /** Takes the oldest line out, into a block of its own. */
  takeOldest(): LineBlock {
    const taken = this.oldest.takeFirst();
    this.settle();
    return taken;
  }

  clear(): void {
    this.#blocks = [];
    this.#spare = undefined;
    this.#first = 0;
    this.#bytes = 0;
    this.#count = 0;
  }
}
