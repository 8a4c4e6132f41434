/**
 * Writes lines to standard error, or to another descriptor:
 *
 *   tag: message                       -V and the verbs
 *   2026-11-03 07:08:09 tag: message   serving in the foreground
 *
 * When there is room, a line is written before the call returns. When nobody
 * reads the pipe or terminal, the line waits in the queue, as one for a socket
 * does, and nothing else waits. When the reader has gone, lines are dropped
 * silently, as nobody is left who could be told. Follows src/util/msg_vstream.c.
 */
import { writeSync } from 'node:fs';
import { canWriteNow } from '../system/calls.ts';
import type { Channel, SendOutcome } from './channel.ts';
import { fullTime, headEachSecond, type LineHead, withSeverity } from './line.ts';
import type { LineBlock } from './line-block.ts';

const stderrDescriptor = 2;

/**
 * The bytes that can be written without waiting when poll(2) says so. A pipe takes so
 * many whole, without lines of other writers between (PIPE_BUF).
 */
const safeBytes = 4096;

export class DescriptorChannel implements Channel {
  readonly connected = true;
  readonly terminator = 10;
  readonly fewLines = 8;
  readonly #fd: number;
  #sentBytes = 0;

  constructor(fd = stderrDescriptor) {
    this.#fd = fd;
  }

  get midway(): boolean {
    return this.#sentBytes > 0;
  }

  connect(): boolean {
    return true;
  }

  send(block: LineBlock): SendOutcome {
    const { bytes, bounds } = block;
    try {
      while (block.first < block.end) {
        if (!canWriteNow(this.#fd)) {
          return 'full';
        }
        const start = bounds[block.first]! + this.#sentBytes;
        const length = bounds[block.endWithin(block.first, safeBytes)]! - start;
        this.#sentBytes = block.advanceTo(start + writeSync(this.#fd, bytes, start, length));
      }
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EINTR') {
        return 'full';
      }
      this.#sentBytes = 0;
      return 'refused';
    }
    return 'sent';
  }

  /** The descriptor isn't ours to close. */
  close(): void {
    this.#sentBytes = 0;
  }
}

export function plainHead(tag: string): LineHead {
  return headEachSecond((_date, severity) => `${tag}: ${withSeverity(severity, '')}`);
}

export function timedHead(tag: string, nowMs?: () => number): LineHead {
  return headEachSecond((date, severity) => {
    return `${fullTime(date)} ${tag}: ${withSeverity(severity, '')}`;
  }, nowMs);
}
