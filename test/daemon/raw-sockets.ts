/**
 * UNIX-domain sockets that Node can't make: one that receives datagrams, as
 * systemd's notification socket does, and one that listens without accepting.
 */
import { closeSync } from 'node:fs';
import koffi from 'koffi';

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)') as (
  domain: number,
  type: number,
  protocol: number,
) => number;
const bind = libc.func('int bind(int fd, const void *address, unsigned int length)') as (
  fd: number,
  address: Buffer,
  length: number,
) => number;
const recv = libc.func('long recv(int fd, void *buffer, size_t length, int flags)') as (
  fd: number,
  buffer: Buffer,
  length: number,
  flags: number,
) => number;

const listen = libc.func('int listen(int fd, int backlog)') as (
  fd: number,
  backlog: number,
) => number;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const lookMs = 5;

function bound(type: number, path: string): number {
  const fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  const name = Buffer.from(path.replace(/^@/u, '\0'));
  const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), name]);
  if (bind(fd, address, address.length) !== 0) {
    throw new Error(`bind ${path}: error ${koffi.errno()}`);
  }
  return fd;
}

/** @returns a descriptor. */
export function listeningSocket(path: string): number {
  const fd = bound(SOCK_STREAM, path);
  listen(fd, 100);
  return fd;
}

export class DatagramReceiver {
  readonly #fd: number;
  /** All that has come, one text each. */
  readonly received: string[] = [];

  /** @param path begins with `@` for an abstract name. */
  constructor(path: string) {
    this.#fd = bound(SOCK_DGRAM, path);
  }

  /** Settles when a text has come that this matches. @returns it. */
  async has(pattern: RegExp, from = 0): Promise<string> {
    for (;;) {
      this.#look();
      const found = this.received.slice(from).find((text) => pattern.test(text));
      if (found !== undefined) {
        return found;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, lookMs);
      });
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  #look(): void {
    const buffer = Buffer.alloc(4096);
    for (;;) {
      const length = recv(this.#fd, buffer, buffer.length, MSG_DONTWAIT);
      if (length < 0) {
        return;
      }
      this.received.push(buffer.toString('utf8', 0, length));
    }
  }
}
