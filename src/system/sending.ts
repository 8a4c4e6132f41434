/**
 * Sends without waiting and without an exception: a refusal is returned as the
 * negative number of the error, since a socket that is full is nothing unusual.
 * Several datagrams go with one system call.
 *
 * As in calls.ts, all functions are bound when this module is loaded.
 */
import { constants } from 'node:os';
import { addressOf, bind, lastErrno } from './calls.ts';
import { unmovedBuffer } from './secret-memory.ts';

const native = {
  send: bind<(fd: number, address: number, length: number, flags: number) => number>(
    'long send(int fd, uintptr_t data, size_t length, int flags)',
  ),
  sendmmsg: bind<(fd: number, address: number, count: number, flags: number) => number>(
    'int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)',
  ),
  poll: bind<PollLater>('int poll(void *fds, unsigned long nfds, int timeout)'),
} as const;

interface PollLater {
  async(entry: Buffer, count: number, timeoutMs: number, done: () => void): void;
}

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
const POLLOUT = 4;
const POLL_ENTRY_BYTES = 8;

/** The most datagrams of one call. */
export const mostAtOnce = 128;
/** struct mmsghdr: a struct msghdr of 56 bytes, then how much was sent. */
const MESSAGE_BYTES = 64;
/** The members of struct msghdr that say where its struct iovec are, and how many. */
const MESSAGE_VECTORS = 16;
const MESSAGE_VECTOR_COUNT = 24;
/** struct iovec: address and length. */
const VECTOR_BYTES = 16;
const VECTOR_WORDS = VECTOR_BYTES / 4;
const wordValues = 2 ** 32;

/** What sendmmsg(2) gets: for each datagram a message with one vector. */
interface Envelopes {
  address: number;
  /** The vectors in words of four bytes. */
  vectors: Uint32Array;
  /** Keeps the memory. */
  messages: Buffer;
}

let envelopes: Envelopes | undefined;
/** A filter of system calls forbids sendmmsg(2). */
let onlyOneByOne = false;

/** @returns how many bytes were taken, or the negative error number. */
export function sendBytes(fd: number, address: number, length: number): number {
  const sent = native.send(fd, address, length, flags);
  return sent < 0 ? -lastErrno() : sent;
}

/**
 * Sends pieces of memory as datagrams: piece n has the bytes from bounds[n] to
 * before bounds[n + 1] without the last one, which is its terminator.
 * @returns how many datagrams were taken, or the negative error number if the first wasn't.
 */
export function sendDatagrams(
  fd: number,
  address: number,
  bounds: Uint32Array,
  first: number,
  end: number,
): number {
  const count = Math.min(end - first, mostAtOnce);
  if (count === 1 || onlyOneByOne) {
    const length = bounds[first + 1]! - bounds[first]! - 1;
    const sent = sendBytes(fd, address + bounds[first]!, length);
    return sent < 0 ? sent : 1;
  }
  envelopes ??= makeEnvelopes();
  const { vectors } = envelopes;
  for (let index = 0; index < count; index += 1) {
    const start = bounds[first + index]!;
    const word = index * VECTOR_WORDS;
    vectors[word] = (address + start) % wordValues;
    vectors[word + 1] = Math.floor((address + start) / wordValues);
    vectors[word + 2] = bounds[first + index + 1]! - start - 1;
  }
  const sent = native.sendmmsg(fd, envelopes.address, count, flags);
  if (sent >= 0) {
    return sent;
  }
  const errno = lastErrno();
  if (errno === constants.errno.ENOSYS || errno === constants.errno.EPERM) {
    onlyOneByOne = true;
    return sendDatagrams(fd, address, bounds, first, end);
  }
  return -errno;
}

function makeEnvelopes(): Envelopes {
  const messages = unmovedBuffer(MESSAGE_BYTES * mostAtOnce);
  const vectors = unmovedBuffer(VECTOR_BYTES * mostAtOnce);
  const vectorsAddress = addressOf(vectors);
  for (let index = 0; index < mostAtOnce; index += 1) {
    const at = index * MESSAGE_BYTES;
    messages.writeBigUInt64LE(BigInt(vectorsAddress + index * VECTOR_BYTES), at + MESSAGE_VECTORS);
    messages.writeUInt32LE(1, at + MESSAGE_VECTOR_COUNT);
  }
  return {
    address: addressOf(messages),
    vectors: new Uint32Array(vectors.buffer),
    messages,
  };
}

/**
 * Calls `task` once, when a write would end without waiting, when it would fail, or
 * after the limit. Another thread waits. A process that ends waits for that thread,
 * so the limit must be short.
 */
export function whenWritable(fd: number, limitMs: number, task: () => void): void {
  const entry = unmovedBuffer(POLL_ENTRY_BYTES);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(POLLOUT, 4);
  native.poll.async(entry, 1, limitMs, () => {
    // The entry must last as long as the call.
    entry.fill(0);
    task();
  });
}
