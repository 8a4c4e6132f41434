/**
 * The file of a cache that can't be opened for a reason that may pass: a full
 * disk, no descriptors, a lock that another process holds. The cache serves from
 * memory, and this tries to open the file again from time to time. It logs one
 * warning when that begins, and one line when the file is open.
 *
 * The cache doesn't read back a file that is opened late. Some of its sessions
 * may have been deleted from the cache meanwhile, and nobody knows which.
 */
import { FatalError, TlsmgrError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';
import { directoryOf } from '../../system/directory.ts';
import { after, type Timer } from '../../system/timers.ts';
import { LockHeld, type PreparedFile } from './cache-file.ts';
import type { LogMirror } from '../memory/log-mirror.ts';
import type { CacheName } from '../../config/cache-names.ts';

const usualRetrySeconds = 5;
const longestRetrySeconds = 60;

/** Errors that may pass although nobody changes main.cf or a permission. */
const passing = new Set([
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EIO',
  'EROFS',
  'ENOLCK',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ESTALE',
]);

/** Whether it makes sense to open a file again after this error. */
export function mayPass(error: unknown): boolean {
  if (error instanceof LockHeld) {
    return true;
  }
  const cause = error instanceof TlsmgrError ? error.cause : error;
  return cause instanceof Error && passing.has(String((cause as NodeJS.ErrnoException).code));
}

/** In the place of a mirror, for a log whose file isn't open: statistics say that it fails. */
export const missingFile: LogMirror = {
  changed: () => {},
  died: () => {},
  released: () => {},
  deleted: () => {},
  flushed: () => {},
  fileBytes: () => 0,
  healthy: () => false,
  closeNow: () => {},
};

export interface AwaitedFileParts {
  label: CacheName;
  path: string;
  /** Why the file couldn't be opened. */
  error: unknown;
  open: () => PreparedFile;
  /** Called once, with the open file. */
  found: (file: PreparedFile) => void;
  log: Logger;
  /** For tests: seconds from the first failure to the next attempt; they double each time. */
  retrySeconds?: number | undefined;
}

export class AwaitedFile {
  readonly #parts: AwaitedFileParts;
  /** Where the path leads now: after chroot(2) it leads elsewhere, or nowhere. */
  readonly #directory: string;
  #retrySeconds: number;
  #timer: Timer | undefined;

  constructor(parts: AwaitedFileParts) {
    this.#parts = parts;
    this.#directory = directoryOf(parts.path);
    this.#retrySeconds = parts.retrySeconds ?? usualRetrySeconds;
    this.#warn(reasonOf(parts.error), 'keeping it in memory alone');
    this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #wait(): void {
    this.#timer = after(this.#retrySeconds, () => this.#attempt());
    this.#retrySeconds = Math.min(this.#retrySeconds * 2, longestRetrySeconds);
  }

  #attempt(): void {
    const { label, path, log, open, found } = this.#parts;
    const untilStart = 'keeping it in memory alone until the next start';
    if (directoryOf(path) !== this.#directory) {
      this.#warn('the folder of its file is out of reach', untilStart);
      return;
    }
    let file: PreparedFile;
    try {
      file = open();
    } catch (error) {
      if (mayPass(error)) {
        this.#wait();
      } else {
        this.#warn(error instanceof FatalError ? error.message : reasonOf(error), untilStart);
      }
      return;
    }
    log.info(`${label} TLS session cache has its file now`);
    found(file);
  }

  #warn(reason: string, result: string): void {
    const { label, log } = this.#parts;
    log.warning(`cannot open ${label} TLS session cache: ${reason}; ${result}`);
  }
}
