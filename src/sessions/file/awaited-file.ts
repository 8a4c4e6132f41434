/**
 * A cache whose file can't be used for a reason that may pass (a full disk, no
 * descriptors, a lock that another process holds): the cache serves from
 * memory, and the file is tried again from time to time. One warning when that
 * begins, one line when the file is there.
 *
 * A file that comes late begins anew: what an earlier process has left in it is
 * dropped, as nobody knows which of it was deleted meanwhile.
 */
import { FatalError, TlsmgrError } from '../../errors.ts';
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';
import { directoryOf } from '../../system/directory.ts';
import { after, type Timer } from '../../system/timers.ts';
import { LockHeld, type PreparedFile } from './cache-file.ts';
import type { LogMirror } from '../memory/circular-log.ts';
import type { CacheLabel } from '../session-cache.ts';

const usualRetrySeconds = 5;
const longestRetrySeconds = 60;

/** Reasons that may pass without anybody changing main.cf or a permission. */
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

export function mayPass(error: unknown): boolean {
  if (error instanceof LockHeld) {
    return true;
  }
  const cause = error instanceof TlsmgrError ? error.cause : error;
  return cause instanceof Error && passing.has(String((cause as NodeJS.ErrnoException).code));
}

/** What the log's statistics say of a file that isn't there. */
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
  label: CacheLabel;
  path: string;
  /** Why it isn't there yet. */
  error: unknown;
  open: () => PreparedFile;
  /** Called once. */
  found: (file: PreparedFile) => void;
  log: Logger;
  /** For tests: from a failure to the next attempt; doubles each time. */
  retrySeconds?: number | undefined;
}

export class AwaitedFile {
  readonly #parts: AwaitedFileParts;
  /** After chroot(2) the same path leads elsewhere, or nowhere. */
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
