/**
 * A device as a source. It is opened once and read one read at a time, without
 * blocking where the device allows it. A read that hangs occupies one thread of
 * libuv's pool and delays no client. No other read begins before it has returned.
 * Follows src/tls/tls_prng_dev.c.
 */
import { close, read } from 'node:fs';
import { TlsmgrError } from '../errors.ts';
import { reasonOf, reasonOfErrno } from '../system/calls.ts';
import { unmovedBuffer } from '../system/secret-memory.ts';
import { openForReading } from '../system/safe-open.ts';
import { constants as osConstants } from 'node:os';
import type { EntropySource } from './entropy-source.ts';

const retryMs = 100;

export class DeviceSource implements EntropySource {
  readonly lasting = true;
  readonly #path: string;
  readonly #timeoutMs: number;
  #fd: number | undefined;
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
    const untilMs = performance.now() + this.#timeoutMs;
    for (;;) {
      const data = await this.#readOnce(bytes, untilMs - performance.now());
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
      const limit = setTimeout(() => {
        reject(this.#failure(reasonOfErrno(osConstants.errno.ETIMEDOUT)));
      }, leftMs);
      limit.unref();
      this.#hanging = true;
      read(this.#fd!, data, 0, bytes, null, (error, length) => {
        this.#hanging = false;
        clearTimeout(limit);
        if (error?.code === 'EAGAIN') {
          resolve(undefined);
        } else if (error !== null) {
          reject(this.#failure(reasonOf(error), error));
        } else if (length === 0) {
          reject(this.#failure('end of file'));
        } else {
          resolve(data.subarray(0, length));
        }
      });
    });
  }

  #failure(reason: string, cause?: Error): TlsmgrError {
    return new TlsmgrError('SOURCE', `cannot read from entropy device ${this.#path}: ${reason}`, {
      cause,
    });
  }
}
