/**
 * The system calls that Node lacks, as one typed table over the C library.
 * All functions are bound when this module is loaded, as the library can't be found
 * after chroot(2).
 *
 * A call that fails throws a SystemCallError with the `code` (`ENOENT`) and a
 * message in the words of strerror(3), as Postfix logs them.
 */
import { constants, endianness } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { loadKoffi } from './foreign-functions.ts';
import { fitsSocketAddress } from './socket-path.ts';

const koffi = loadKoffi();
const libc = koffi.load('libc.so.6');

/** Binds one C function. The TypeScript type must match the C declaration. */
export function bind<Call>(declaration: string): Call {
  return libc.func(declaration) as unknown as Call;
}

const native = {
  alarm: bind<(seconds: number) => number>('unsigned int alarm(unsigned int seconds)'),
  chroot: bind<(path: string) => number>('int chroot(const char *path)'),
  close: bind<(fd: number) => number>('int close(int fd)'),
  connect: bind<(fd: number, address: Buffer, length: number) => number>(
    'int connect(int fd, const void *address, unsigned int length)',
  ),
  fallocate: bind<(fd: number, mode: number, offset: number, length: number) => number>(
    'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
  ),
  fcntl: bind<(fd: number, command: number, argument: number) => number>(
    'int fcntl(int fd, int command, long argument)',
  ),
  flock: bind<(fd: number, operation: number) => number>('int flock(int fd, int operation)'),
  madvise: bind<(address: number, length: number, advice: number) => number>(
    'int madvise(uintptr_t address, size_t length, int advice)',
  ),
  /** Declared so that it returns the address of a buffer. */
  memset: bind<(buffer: Buffer, byte: number, length: number) => number>(
    'uintptr_t memset(void *buffer, int byte, size_t length)',
  ),
  poll: bind<(entries: Buffer, count: number, timeoutMs: number) => number>(
    'int poll(void *fds, unsigned long nfds, int timeout)',
  ),
  prctl: bind<(option: number, a: number, b: number, c: number, d: number) => number>(
    'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  ),
  send: bind<(fd: number, buffer: Buffer, length: number, flags: number) => number>(
    'long send(int fd, const void *buffer, size_t length, int flags)',
  ),
  setrlimit: bind<(resource: number, limit: Buffer) => number>(
    'int setrlimit(int resource, const void *limit)',
  ),
  getrlimit: bind<(resource: number, limit: Buffer) => number>(
    'int getrlimit(int resource, void *limit)',
  ),
  socket: bind<(domain: number, type: number, protocol: number) => number>(
    'int socket(int domain, int type, int protocol)',
  ),
  strerror: bind<(errno: number) => string>('const char *strerror(int errnum)'),
  umask: bind<(mask: number) => number>('unsigned int umask(unsigned int mask)'),
} as const;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const POLLIN = 1;
const POLLOUT = 4;
const POLLNVAL = 0x20;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
const MADV_DONTNEED = 4;
const MADV_HUGEPAGE = 14;
/** The page sizes of Linux machines. madvise(2) refuses an address that isn't aligned to the real one. */
const PAGE_SIZES_BYTES = [4096, 16384, 65536];
const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;
/** sizeof(struct sockaddr_un): a family of 2 bytes and a path of 108. */
const SOCKADDR_UN_BYTES = 110;

/** If two names have the same number, the first one in the alphabet is used: EAGAIN, not EWOULDBLOCK. */
const codeOfErrno = new Map<number, string>(
  Object.entries(constants.errno)
    .toSorted(([a], [b]) => (a < b ? 1 : -1))
    .map(([code, number]) => [number, code]),
);

/** From here on, error numbers are libuv's own, for getaddrinfo(3) and others. strerror(3) doesn't know them. */
const FIRST_ERROR_OF_LIBUV = 3000;

export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  /** For example `ENOENT`. */
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number) {
    super(native.strerror(errno));
    this.syscall = syscall;
    this.errno = errno;
    this.code = codeOfErrno.get(errno) ?? `E${errno}`;
  }
}

/**
 * The reason for a failed call in the words of strerror(3), the C locale:
 * `No such file or directory`, not Node's `ENOENT: no such file or directory, open '/x'`.
 */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof SystemCallError) {
    return thrown.message;
  }
  if (thrown instanceof Error) {
    const { errno } = thrown as NodeJS.ErrnoException;
    return typeof errno === 'number' ? reasonOfErrno(errno) : thrown.message;
  }
  return String(thrown);
}

/** strerror(3) for an error number. It may be negative, as libuv's numbers are. */
export function reasonOfErrno(errno: number): string {
  const number = Math.abs(errno);
  return number < FIRST_ERROR_OF_LIBUV
    ? native.strerror(number)
    : (getSystemErrorMap().get(-number)?.[1] ?? `error ${number}`);
}

/** Throws SystemCallError for a result below 0. */
export function check(syscall: string, result: number): number {
  if (result < 0) {
    throw new SystemCallError(syscall, koffi.errno());
  }
  return result;
}

/** The error number of the last call that has failed. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Where a buffer's memory is. It must be memory that the garbage collector doesn't move. */
export function addressOf(buffer: Buffer): number {
  return native.memset(buffer, 0, 0);
}

/** chroot(2). The caller changes to `/` afterwards. */
export function chroot(path: string): void {
  check('chroot', native.chroot(path));
}

/** alarm(2): SIGALRM ends the process after this time, unless alarm() is called again before. 0 cancels it. */
export function alarm(seconds: number): void {
  native.alarm(seconds);
}

export function closeDescriptor(fd: number): void {
  check('close', native.close(fd));
}

export function setCloseOnExec(fd: number): void {
  check('fcntl', native.fcntl(fd, F_SETFD, FD_CLOEXEC));
}

/** flock(2), exclusive, without waiting. @returns false while somebody else holds it. */
export function tryLock(fd: number): boolean {
  if (native.flock(fd, LOCK_EX | LOCK_NB) === 0) {
    return true;
  }
  const errno = koffi.errno();
  if (errno === constants.errno.EWOULDBLOCK) {
    return false;
  }
  throw new SystemCallError('flock', errno);
}

export function unlock(fd: number): void {
  check('flock', native.flock(fd, LOCK_UN));
}

/** Forbids core files, and ptrace(2) by processes of the same user, as memory holds keys. */
export function forbidCoreDumps(): void {
  const refused = native.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? koffi.errno() : 0;
  check('setrlimit', native.setrlimit(RLIMIT_CORE, Buffer.alloc(16)));
  if (refused !== 0) {
    throw new SystemCallError('prctl', refused);
  }
}

/** Raises the soft limit of open files to the hard one, as Postfix's daemons do. */
export function raiseOpenFilesLimit(): void {
  const limit = Buffer.alloc(16);
  check('getrlimit', native.getrlimit(RLIMIT_NOFILE, limit));
  limit.copy(limit, 0, 8, 16);
  check('setrlimit', native.setrlimit(RLIMIT_NOFILE, limit));
}

/** Linux's default limit of open files. */
const usualOpenFiles = 1024;

/** How many files this process may have open. */
export function openFilesLimit(): number {
  const limit = Buffer.alloc(16);
  return native.getrlimit(RLIMIT_NOFILE, limit) < 0
    ? usualOpenFiles
    : Number(limit.readBigUInt64LE(0));
}

/** More descriptors than any process of ours has open before clients come. */
const mostCounted = 4096;

/** Counts the open descriptors. It doesn't use /proc, which a chroot lacks. */
export function openDescriptors(): number {
  return countDescriptors(Math.min(openFilesLimit(), mostCounted));
}

/** @returns the mask before. */
export function setUmask(mask: number): number {
  return native.umask(mask);
}

/**
 * Connects a socket to a UNIX-domain path. The socket is close-on-exec and
 * non-blocking. Throws SystemCallError: `EPROTOTYPE` when the listener is of the
 * other kind, and `ENAMETOOLONG` for a path of 108 bytes or more. A path that
 * begins with a NUL is a name in the abstract namespace, unix(7).
 */
export function connectUnix(path: string, kind: 'datagram' | 'stream'): number {
  if (!fitsSocketAddress(path)) {
    throw new SystemCallError('connect', constants.errno.ENAMETOOLONG);
  }
  const bytes = Buffer.from(path);
  const address = Buffer.alloc(SOCKADDR_UN_BYTES);
  address.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(address, 2);
  const type = (kind === 'datagram' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const fd = check('socket', native.socket(AF_UNIX, type, 0));
  // An abstract name ends with the address; a path ends with a NUL.
  const length = bytes[0] === 0 ? 2 + bytes.length : SOCKADDR_UN_BYTES;
  if (native.connect(fd, address, length) < 0) {
    const errno = koffi.errno();
    native.close(fd);
    throw new SystemCallError('connect', errno);
  }
  return fd;
}

/** send(2) without waiting and without SIGPIPE. Throws SystemCallError, `EAGAIN` when full. */
export function sendNow(fd: number, data: Buffer): number {
  return check('send', native.send(fd, data, data.length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/**
 * Gives the whole pages within a buffer back to the kernel. The whole buffer reads
 * as zero afterwards.
 */
export function releasePages(buffer: Buffer): void {
  const address = addressOf(buffer);
  for (const pageBytes of PAGE_SIZES_BYTES) {
    const first = Math.ceil(address / pageBytes) * pageBytes - address;
    const end = Math.floor((address + buffer.length) / pageBytes) * pageBytes - address;
    if (end > first && native.madvise(address + first, end - first, MADV_DONTNEED) === 0) {
      buffer.fill(0, 0, first);
      buffer.fill(0, end);
      return;
    }
  }
  buffer.fill(0);
}

/**
 * Gives back the pages of a mapping of a file, which must be without memory of its
 * own: what is read of it comes from the file again. A refusal changes nothing.
 */
export function releaseMapping(address: number, length: number): void {
  native.madvise(address, length, MADV_DONTNEED);
}

/** The size of a huge page of x86-64, and of ARM with pages of 4 kB. */
export const hugePageBytes = 2 * 1024 * 1024;

/**
 * Asks the kernel to use huge pages, madvise(2). If the kernel has none or refuses,
 * nothing changes.
 * @returns the whole huge pages within the buffer.
 */
export function preferHugePages(buffer: Buffer): Buffer {
  const address = addressOf(buffer);
  const start = Math.ceil(address / hugePageBytes) * hugePageBytes - address;
  const length = Math.floor((buffer.length - start) / hugePageBytes) * hugePageBytes;
  native.madvise(address + start, length, MADV_HUGEPAGE);
  return buffer.subarray(start, start + length);
}

/** Bytes of a struct pollfd. */
const POLL_ENTRY_BYTES = 8;
/** The most descriptors that one poll(2) looks at, so that its memory stays small. */
const DESCRIPTORS_AT_ONCE = 1024;
const descriptorEntries = Buffer.alloc(POLL_ENTRY_BYTES * DESCRIPTORS_AT_ONCE);
/** The same bytes: a descriptor, then what is asked of it in two bytes and the answer in two. */
const descriptorWords = new Int32Array(descriptorEntries.buffer, descriptorEntries.byteOffset);
const answerMask = endianness() === 'LE' ? POLLNVAL << 16 : POLLNVAL;

/** How many of the descriptors 0 to `end` - 1 are open. poll(2), without waiting, tells which aren't. */
export function countDescriptors(end: number): number {
  // poll(2) refuses more entries than the limit of open files.
  const step = Math.min(DESCRIPTORS_AT_ONCE, openFilesLimit());
  let open = 0;
  for (let first = 0; first < end; first += step) {
    const count = Math.min(step, end - first);
    for (let index = 0; index < count; index += 1) {
      descriptorWords[2 * index] = first + index;
    }
    check('poll', native.poll(descriptorEntries, count, 0));
    for (let index = 0; index < count; index += 1) {
      open += (descriptorWords[2 * index + 1]! & answerMask) === 0 ? 1 : 0;
    }
  }
  return open;
}

const pollEntry = Buffer.alloc(POLL_ENTRY_BYTES);

/**
 * Whether a write of up to 4096 bytes would end without waiting. It is true as well
 * if the write would fail at once.
 */
export function canWriteNow(fd: number): boolean {
  return isReady(fd, POLLOUT);
}

/** The same, after a wait of at most so many milliseconds. */
export function canWriteWithin(fd: number, waitMs: number): boolean {
  return isReady(fd, POLLOUT, waitMs);
}

/** Whether there is something to read, or a connection to accept. */
export function canReadNow(fd: number): boolean {
  return isReady(fd, POLLIN);
}

function isReady(fd: number, event: number, waitMs = 0): boolean {
  pollEntry.writeInt32LE(fd, 0);
  pollEntry.writeInt16LE(event, 4);
  pollEntry.writeInt16LE(0, 6);
  return native.poll(pollEntry, 1, Math.ceil(waitMs)) !== 0;
}

/**
 * Makes a part of a file a hole, which reads as zero and takes no space.
 * @returns false on a file system without holes.
 */
export function punchHole(fd: number, offset: number, length: number): boolean {
  const mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
  if (native.fallocate(fd, mode, offset, length) === 0) {
    return true;
  }
  const errno = koffi.errno();
  if (errno === constants.errno.EOPNOTSUPP || errno === constants.errno.ENOSYS) {
    return false;
  }
  throw new SystemCallError('fallocate', errno);
}
