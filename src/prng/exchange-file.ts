/**
 * The exchange file carries the pool's state from one process to the next. It
 * has 1024 bytes and mode 0600, and belongs to mail_owner. An update locks it,
 * stirs its content into the pool, and writes fresh output in its place. The
 * file is opened before the chroot and kept open.
 *
 * Opening fails with FatalError, as in the original. It fails with TlsmgrError
 * `STORAGE` when something stands at the path that must not be written to. The
 * original would write to it; we go on without the file. A failing update throws
 * TlsmgrError `STORAGE`. A lock that another process holds is not waited for.
 * Follows src/tls/tls_prng_exch.c.
 */
import { closeSync, fstatSync, readSync, statSync, writeSync } from 'node:fs';
import { FatalError, TlsmgrError } from '../errors.ts';
import { reasonOf, tryLock, unlock } from '../system/calls.ts';
import { openOwnFile, UnsafeFileError } from '../system/safe-open.ts';
import type { Pool } from './pool.ts';

const exchangeBytes = 1024;

/** What an update came to; with the last two it was written as well. */
export type ExchangeOutcome =
  | 'done'
  /** Another process holds the lock. Nothing was written. */
  | 'locked'
  /** The file has lost its name since the last update. */
  | 'removed'
  /** It had lost its name before. */
  | 'nameless';

export class ExchangeFile {
  readonly path: string;
  #fd: number;
  #name: 'there' | 'removed' = 'there';

  private constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  static open(path: string): ExchangeFile {
    return new ExchangeFile(path, openExchange(path));
  }

  /** Synchronous, as the process may be ending. */
  update(pool: Pool): ExchangeOutcome {
    if (!this.#attempt('lock', () => tryLock(this.#fd))) {
      return 'locked';
    }
    const data = Buffer.alloc(exchangeBytes);
    try {
      const removed = this.#attempt('fstat', () => fstatSync(this.#fd).nlink === 0);
      const length = this.#attempt('read', () => readSync(this.#fd, data, 0, exchangeBytes, 0));
      pool.reseed(data.subarray(0, length));
      pool.fill(data, 0, exchangeBytes);
      this.#attempt('write', () => this.#writeAll(data));
      return this.#outcomeOf(removed);
    } finally {
      data.fill(0);
      this.#attempt('unlock', () => unlock(this.#fd));
    }
  }

  /** Makes the file anew after its removal, where its path can still be reached. */
  reopen(): boolean {
    if (statSync(this.path, { throwIfNoEntry: false }) !== undefined) {
      return false;
    }
    let fd: number;
    try {
      fd = openExchange(this.path);
    } catch {
      // In a chroot the path leads nowhere: the next process makes the file.
      return false;
    }
    closeSync(this.#fd);
    this.#fd = fd;
    this.#name = 'there';
    return true;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #outcomeOf(removed: boolean): ExchangeOutcome {
    const before = this.#name;
    this.#name = removed ? 'removed' : 'there';
    if (!removed) {
      return 'done';
    }
    return before === 'there' ? 'removed' : 'nameless';
  }

  #writeAll(data: Buffer): void {
    for (let at = 0; at < data.length;) {
      at += writeSync(this.#fd, data, at, data.length - at, at);
    }
  }

  #attempt<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (thrown) {
      if (thrown instanceof TlsmgrError) {
        throw thrown;
      }
      throw new TlsmgrError(
        'STORAGE',
        `cannot ${what} PRNG exchange file ${this.path}: ${reasonOf(thrown)}`,
        { cause: thrown },
      );
    }
  }
}

function openExchange(path: string): number {
  try {
    return openOwnFile(path, { create: true, followRootsLink: true });
  } catch (thrown) {
    if (thrown instanceof UnsafeFileError) {
      throw new TlsmgrError(
        'STORAGE',
        `PRNG exchange file ${path} is not used: ${thrown.message}`,
        {
          cause: thrown,
        },
      );
    }
    throw new FatalError(
      `tls_prng_exch_open: cannot open PRNG exchange file ${path}: ${reasonOf(thrown)}`,
      { cause: thrown },
    );
  }
}
