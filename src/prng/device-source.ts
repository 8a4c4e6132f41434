/**
 * A device as a source. It is opened once and read one read at a time, without
 * blocking where the device allows it. A read that hangs occupies one thread of
 * libuv's pool and delays no client. No other read begins before it has returned.
 * The kernel's own generator never lets wait, and is read without the pool: to start
 * its threads would take a start of the daemon 0.7 ms.
 * Follows src/tls/tls_prng_dev.c.
 */
import { close, fstatSync, read, readSync } from 'node:fs';
import { TlsmgrError } from '../errors.ts';
import { reasonOf, reasonOfErrno } from '../system/calls.ts';
import { systemClock } from '../system/clock.ts';
import { unmovedBuffer } from '../system/secret-memory.ts';
import { openForReading } from '../system/safe-open.ts';
import { constants as osConstants } from 'node:os';
import type { EntropySource } from './entropy-source.ts';

const retryMs = 100;

/** Device numbers of Linux's /dev/random and /dev/urandom, wherever they lie: major 1, minor 8 and 9. */
const kernelGenerators = [0x108, 0x109];

export class DeviceSource implements EntropySource {
  readonly lasting = true;
  readonly #path: string;
  readonly #timeoutMs: number;
  #fd: number | undefined;
  /** Whether a read returns at once. */
  #isReady = false;
  /** A read that has not come back. */
  #hanging = false;

  constructor(path: string, timeoutMs: number) {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  async open(): Promise<void> {
    if (this.#fd !== undefined) {
      return;
    }
    try {
      this.#fd = openForReading(this.#path, ['character device', 'regular file', 'FIFO']);
      const status = fstatSync(this.#fd);
      this.#isReady = status.isCharacterDevice() && kernelGenerators.includes(status.rdev);
    } catch (thrown) {
      throw new TlsmgrError(
        'SOURCE',
        `cannot open entropy device ${this.#path}: ${reasonOf(thrown)}`,
        { cause: thrown },
      );
    }
  }

  async read(bytes: number): Promise<Buffer> {
    await this.open();
    const untilMs = systemClock.monotonicMs() + this.#timeoutMs;
    for (;;) {
      const data = await this.#readOnce(bytes, untilMs - systemClock.monotonicMs());
      if (data !== undefined) {
        return data;
      }
      await new Promise((resolve) => {
        setTimeout(resolve, retryMs).unref();
      });
    }
  }

  close(): void {
    if (this.#fd !== undefined && !this.#hanging) {
      close(this.#fd);
    }
    this.#fd = undefined;
  }

  /** @returns undefined when there is nothing yet and time is left. */
  #readOnce(bytes: number, leftMs: number): Promise<Buffer | undefined> {
    if (this.#hanging || leftMs <= 0) {
      return Promise.reject(this.#failure(reasonOfErrno(osConstants.errno.ETIMEDOUT)));
    }
    return new Promise((resolve, reject) => {
      const data = unmovedBuffer(bytes);
      const done = (error: NodeJS.ErrnoException | null, length: number): void => {
        if (error?.code === 'EAGAIN') {
          resolve(undefined);
        } else if (error !== null) {
          reject(this.#failure(reasonOf(error), error));
        } else if (length === 0) {
          reject(this.#failure('end of file'));
        } else {
          resolve(data.subarray(0, length));
        }
      };
      if (this.#isReady) {
        readNow(this.#fd!, data, done);
        return;
      }
      const limit = setTimeout(() => {
        reject(this.#failure(reasonOfErrno(osConstants.errno.ETIMEDOUT)));
      }, leftMs);
      limit.unref();
      this.#hanging = true;
      read(this.#fd!, data, 0, bytes, null, (error, length) => {
        this.#hanging = false;
        clearTimeout(limit);
        done(error, length);
      });
    });
  }

  #failure(reason: string, cause?: Error): TlsmgrError {
    return new TlsmgrError('SOURCE', `cannot read from entropy device ${this.#path}: ${reason}`, {
      cause,
    });
  }
}

function readNow(
  fd: number,
  data: Buffer,
  done: (error: NodeJS.ErrnoException | null, length: number) => void,
): void {
  let length: number;
  try {
    length = readSync(fd, data);
  } catch (thrown) {
    done(thrown as NodeJS.ErrnoException, 0);
    return;
  }
  done(null, length);
}
