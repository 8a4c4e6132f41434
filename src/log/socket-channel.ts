/**
 * A log socket: one datagram per message, or a stream in which a NUL ends each
 * message, if the listener is of that kind and the caller allows it.
 *
 * Follows src/util/msg_logger.c and what glibc does in syslog(3), but never
 * waits for a reader.
 */
import { closeDescriptor, connectUnix, sendNow, SystemCallError } from '../system/calls.ts';
import type { Channel, SendOutcome } from './channel.ts';

const terminator = Buffer.alloc(1);

export class SocketChannel implements Channel {
  readonly path: string;
  readonly #allowStream: boolean;
  #fd = -1;
  #kind: 'datagram' | 'stream' = 'datagram';
  /** Bytes of the message at hand that a stream has taken. */
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

  send(message: Buffer): SendOutcome {
    try {
      if (this.#kind === 'datagram') {
        sendNow(this.#fd, message);
        return 'sent';
      }
      return this.#sendStream(Buffer.concat([message, terminator]));
    } catch (thrown) {
      return this.#outcomeOf(codeOf(thrown));
    }
  }

  #sendStream(bytes: Buffer): SendOutcome {
    while (this.#sentBytes < bytes.length) {
      this.#sentBytes += sendNow(this.#fd, bytes.subarray(this.#sentBytes));
    }
    this.#sentBytes = 0;
    return 'sent';
  }

  #outcomeOf(code: string): SendOutcome {
    switch (code) {
      case 'EAGAIN':
      case 'ENOBUFS':
      case 'EINTR':
        return 'full';
      case 'EMSGSIZE':
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
