/**
 * A log socket: one datagram per line, or a stream in which a NUL ends each
 * line, if the listener is of that kind and the caller allows it.
 *
 * Follows src/util/msg_logger.c and what glibc does in syslog(3), but never
 * waits for a reader.
 */
import { constants } from 'node:os';
import { canWriteWithin, closeDescriptor, connectUnix, SystemCallError } from '../system/calls.ts';
import { sendBytes, sendDatagrams, whenWritable } from '../system/sending.ts';
import type { Channel, SendOutcome } from './channel.ts';
import type { LineBlock } from './line-block.ts';

const { EAGAIN, EINTR, EMSGSIZE, ENOBUFS } = constants.errno;

/** The longest wait of another thread for room. A process that ends may have to wait for it. */
const roomWaitMs = 100;

export class SocketChannel implements Channel {
  readonly path: string;
  readonly terminator = 0;
  readonly #allowStream: boolean;
  #fd = -1;
  #kind: 'datagram' | 'stream' = 'datagram';
  /** Bytes of the line at hand that a stream has taken. */
  #sentBytes = 0;

  constructor(path: string, allowStream: boolean) {
    this.path = path;
    this.#allowStream = allowStream;
  }

  get connected(): boolean {
    return this.#fd >= 0;
  }

  get midway(): boolean {
    return this.#sentBytes > 0;
  }

  connect(): boolean {
    this.close();
    try {
      this.#fd = connectUnix(this.path, 'datagram');
      this.#kind = 'datagram';
    } catch (thrown) {
      if (this.#allowStream && codeOf(thrown) === 'EPROTOTYPE') {
        this.#connectStream();
      }
    }
    return this.connected;
  }

  #connectStream(): void {
    try {
      this.#fd = connectUnix(this.path, 'stream');
      this.#kind = 'stream';
    } catch {
      this.#fd = -1;
    }
  }

  send(block: LineBlock): SendOutcome {
    while (block.first < block.end) {
      const result = this.#kind === 'datagram' ? this.#sendLines(block) : this.#sendPart(block);
      if (result < 0) {
        return this.#outcomeOf(-result);
      }
    }
    return 'sent';
  }

  #sendLines(block: LineBlock): number {
    const { address, bounds, first, end } = block;
    const result = sendDatagrams(this.#fd, address, bounds, first, end);
    block.first += Math.max(0, result);
    return result;
  }

  /** Sends the lines as one piece; the kernel may take a part of it. */
  #sendPart(block: LineBlock): number {
    const { address, bounds, end } = block;
    const start = bounds[block.first]! + this.#sentBytes;
    const result = sendBytes(this.#fd, address + start, bounds[end]! - start);
    if (result >= 0) {
      this.#sentBytes = block.advanceTo(start + result);
    }
    return result;
  }

  awaitRoom(task: () => void): void {
    whenWritable(this.#fd, roomWaitMs, task);
  }

  waitForRoom(limitMs: number): boolean {
    canWriteWithin(this.#fd, limitMs);
    return true;
  }

  #outcomeOf(errno: number): SendOutcome {
    switch (errno) {
      case EAGAIN:
      case ENOBUFS:
      case EINTR:
        return 'full';
      case EMSGSIZE:
        return 'refused';
      default:
        this.close();
        return 'away';
    }
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    this.#sentBytes = 0;
    if (fd >= 0) {
      closeDescriptor(fd);
    }
  }
}

function codeOf(thrown: unknown): string {
  if (thrown instanceof SystemCallError) {
    return thrown.code;
  }
  throw thrown;
}
