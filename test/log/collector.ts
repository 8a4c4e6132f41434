/**
 * A log socket's reader, which Node can't make: a UNIX-domain datagram socket,
 * or the stream that a syslogd of the other kind listens on. Only wait() waits,
 * so that a test decides when a reader reads.
 */
import { rmSync } from 'node:fs';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, const void *address, unsigned int length)');
const listen = libc.func('int listen(int fd, int backlog)');
const accept = libc.func('int accept4(int fd, void *address, void *length, int flags)');
const recv = libc.func('long recv(int fd, void *buffer, size_t length, int flags)');
const poll = libc.func('int poll(void *fds, unsigned long nfds, int timeout)');
const closeFd = libc.func('int close(int fd)');

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const POLLIN = 1;

/** Nobody sends anything for so long: the sender has failed. */
const longestWaitMs = 30_000;

function boundSocket(path: string, type: number): number {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  const fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) as number;
  rmSync(path, { force: true });
  if (fd < 0 || (bind(fd, address, 110) as number) < 0) {
    throw new Error(`cannot bind ${path}: errno ${koffi.errno()}`);
  }
  return fd;
}

const received = Buffer.alloc(65536);

function receive(fd: number): Buffer | undefined {
  const length = recv(fd, received, received.length, 0) as number;
  return length < 0 ? undefined : Buffer.from(received.subarray(0, length));
}

export class DatagramCollector {
  readonly #fd: number;

  constructor(path: string) {
    this.#fd = boundSocket(path, SOCK_DGRAM);
  }

  /** The next datagram; undefined when there is none. */
  next(): Buffer | undefined {
    return receive(this.#fd);
  }

  /** The next datagram, as soon as there is one. */
  wait(): Buffer {
    const entry = Buffer.alloc(8);
    entry.writeInt32LE(this.#fd, 0);
    entry.writeInt16LE(POLLIN, 4);
    for (;;) {
      const data = this.next();
      if (data !== undefined) {
        return data;
      }
      if ((poll(entry, 1, longestWaitMs) as number) === 0) {
        throw new Error('nothing was sent');
      }
    }
  }

  /** All datagrams that are there. */
  all(): string[] {
    const texts: string[] = [];
    for (let data = this.next(); data !== undefined; data = this.next()) {
      texts.push(data.toString());
    }
    return texts;
  }

  close(): void {
    closeFd(this.#fd);
  }
}

export class StreamCollector {
  readonly #fd: number;
  #clientFd = -1;

  constructor(path: string) {
    this.#fd = boundSocket(path, SOCK_STREAM);
    listen(this.#fd, 5);
  }

  /** All bytes that are there, of the client that connected last. */
  all(): Buffer {
    const accepted = accept(this.#fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC) as number;
    if (accepted >= 0) {
      this.#closeClient();
      this.#clientFd = accepted;
    }
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = receive(this.#clientFd);
      if (chunk === undefined || chunk.length === 0) {
        return Buffer.concat(chunks);
      }
      chunks.push(chunk);
    }
  }

  close(): void {
    this.#closeClient();
    closeFd(this.#fd);
  }

  #closeClient(): void {
    if (this.#clientFd >= 0) {
      closeFd(this.#clientFd);
    }
  }
}
