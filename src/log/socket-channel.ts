/**
 * A log socket: one datagram per line, or several lines in one if the reader
 * takes them apart, or a stream in which a NUL ends each line, if the listener is
 * of that kind and the caller allows it.
 *
 * Follows src/util/msg_logger.c and what glibc does in syslog(3), but never
 * waits for a reader.
 */
import { constants } from 'node:os';
import { canWriteWithin, closeDescriptor, connectUnix, SystemCallError } from '../system/calls.ts';
import { mostAtOnce, sendBytes, sendDatagrams, whenWritable } from '../system/sending.ts';
import type { Channel, SendOutcome } from './channel.ts';
import type { LineBlock } from './line-block.ts';

const { EAGAIN, EINTR, EMSGSIZE, ENOBUFS } = constants.errno;

/** The longest wait of another thread for room. A process that ends may have to wait for it. */
const roomWaitMs = 100;

const nul = 0;
const lineFeed = 10;

/**
 * Small, as a socket takes no more than eleven datagrams where
 * net.unix.max_dgram_qlen has the kernel's default.
 */
const fewDatagrams = 8;
/** Four or five datagrams of cache logging. */
const fewJoinedLines = 64;

export interface SocketChannelOptions {
  /** Connects to a stream socket as well. */
  allowStream?: boolean;
  /** The most bytes of several lines in one datagram, with line feeds between. 0: never several. */
  mostJoinedBytes?: number;
}

/** The datagrams of one call: where each begins in the block, and with which line. */
const datagramBounds = new Uint32Array(mostAtOnce + 1);
const firstLines = new Uint32Array(mostAtOnce + 1);

export class SocketChannel implements Channel {
  readonly path: string;
  readonly terminator: number;
  readonly fewLines: number;
  readonly #allowStream: boolean;
  readonly #mostJoinedBytes: number;
  #fd = -1;
  #kind: 'datagram' | 'stream' = 'datagram';
  /** Bytes of the line at hand that a stream has taken. */
  #sentBytes = 0;

  constructor(path: string, options: SocketChannelOptions = {}) {
    const { allowStream = false, mostJoinedBytes = 0 } = options;
    this.path = path;
    this.#allowStream = allowStream;
    this.#mostJoinedBytes = mostJoinedBytes;
    this.terminator = mostJoinedBytes > 0 ? lineFeed : nul;
    this.fewLines = mostJoinedBytes > 0 ? fewJoinedLines : fewDatagrams;
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
    let count = 0;
    let line = block.first;
    datagramBounds[0] = block.bounds[line]!;
    firstLines[0] = line;
    while (line < block.end && count < mostAtOnce) {
      line = block.endWithin(line, this.#mostJoinedBytes);
      count += 1;
      firstLines[count] = line;
      datagramBounds[count] = block.bounds[line]!;
    }
    const result = sendDatagrams(this.#fd, block.address, datagramBounds, 0, count);
    block.first = firstLines[Math.max(0, result)]!;
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
