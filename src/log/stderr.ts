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
import { fullTime, withSeverity } from './line.ts';
import type { LineFormat } from './outlet.ts';

const stderrDescriptor = 2;

export class DescriptorChannel implements Channel {
  readonly connected = true;
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

  send(message: Buffer): SendOutcome {
    try {
      while (this.#sentBytes < message.length) {
        if (!canWriteNow(this.#fd)) {
          return 'full';
        }
        this.#sentBytes += writeSync(this.#fd, message, this.#sentBytes);
      }
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EINTR') {
        return 'full';
      }
      this.#sentBytes = 0;
      return 'refused';
    }
    this.#sentBytes = 0;
    return 'sent';
  }

  /** The descriptor isn't ours to close. */
  close(): void {
    this.#sentBytes = 0;
  }
}

export function plainFormat(tag: string): LineFormat {
  return (severity, text) => Buffer.from(`${tag}: ${withSeverity(severity, text)}\n`);
}

export function timedFormat(tag: string, now = () => new Date()): LineFormat {
  return (severity, text) =>
    Buffer.from(`${fullTime(now())} ${tag}: ${withSeverity(severity, text)}\n`);
}
