/**
 * Everything that is open for one cache: the log, the file behind it, the lines
 * about it. Its file is in one of these states:
 *
 *     none     it needs none, or has one that isn't touched
 *     locked   nothing is written to it: the cache isn't persistent
 *     kept     the log is kept in it, and closes it
 *     awaited  it can't be used at the moment
 */
import { closeSync, ftruncateSync } from 'node:fs';
import type { CacheSettings } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import { AwaitedFile, missingFile } from './file/awaited-file.ts';
import type { CacheCounters } from './cache-counters.ts';
import type { PreparedFile } from './file/cache-file.ts';
import type { CacheKeys } from './file/cache-keys.ts';
import { CircularLog } from './memory/circular-log.ts';
import { evictionAlarm } from './eviction-alarm.ts';
import { geometryOf } from './file/geometry.ts';
import { LoggedCache } from './logged-cache.ts';
import type { FileMirror } from './file/file-mirror.ts';
import { beginInFile, keepInFile, newFile } from './file/persistence.ts';
import type { Wanted } from './plan.ts';
import type { CacheLimits, SessionCache } from './session-cache.ts';

export interface OpenCacheDependencies {
  log: Logger;
  clock: Clock;
  counters: CacheCounters;
  retrySeconds?: number | undefined;
}

/**
 * The file of a cache that is opened: there, needless, not to be had at the
 * moment, or not to be touched, as its key can't be had.
 */
export type FileFound =
  | { kind: 'none' }
  | { kind: 'untouched' }
  | { kind: 'there'; file: PreparedFile }
  | {
      kind: 'missing';
      path: string;
      error: unknown;
      persistent: boolean;
      open: () => PreparedFile;
    };

type FileState =
  | { kind: 'none' }
  | { kind: 'locked'; fd: number }
  | { kind: 'kept'; mirror: FileMirror }
  | { kind: 'awaited'; file: AwaitedFile };

export class OpenCache {
  readonly cache: SessionCache;
  /** What it was opened for; its settings are those in force. */
  wanted: Wanted;
  /** Resolves when its file has been read back. */
  readonly loaded: Promise<void>;
  readonly #circularLog: CircularLog;
  readonly #dependencies: OpenCacheDependencies;
  /** Our own, with the limits in force. */
  readonly #settings: CacheSettings;
  #file: FileState;
  #cleanup: Timer | undefined;
  #state: 'open' | 'closed' = 'open';

  /** @param limits in force; the sizes of the log's parts follow main.cf alone, as its file needs them. */
  constructor(
    wanted: Wanted,
    limits: CacheLimits,
    found: FileFound,
    keys: CacheKeys | undefined,
    dependencies: OpenCacheDependencies,
  ) {
    const { label, logOperations, sizeLimitBytes } = wanted.settings;
    const { clock, log, counters } = dependencies;
    this.wanted = wanted;
    this.#settings = { ...wanted.settings, ...limitsOf(limits) };
    this.#dependencies = dependencies;
    this.#circularLog = new CircularLog(
      { ...limitsOf(limits), ...geometryOf(sizeLimitBytes) },
      { clock, counters, onEviction: evictionAlarm(this.#settings, clock, log) },
    );
    this.loaded = Promise.resolve();
    if (found.kind === 'none') {
      this.#file = { kind: 'none' };
    } else if (found.kind === 'untouched') {
      this.#circularLog.mirrorTo(missingFile);
      this.#file = { kind: 'none' };
    } else if (found.kind === 'missing') {
      this.#file = this.#await(found, keys);
    } else if (found.file.content === undefined) {
      this.#file = { kind: 'locked', fd: found.file.fd };
    } else {
      const { fd, content } = found.file;
      const kept = keepInFile(label, fd, this.#circularLog, content, keys, dependencies);
      this.#file = { kind: 'kept', mirror: kept.mirror };
      this.loaded = kept.loaded;
    }
    if (logOperations) {
      this.cache = new LoggedCache(label, this.#circularLog, log, () => clock.nowSeconds());
      this.#logCleanup();
    } else {
      this.cache = this.#circularLog;
    }
  }

  /** Resolves when its file is closed, and free for others. */
  get fileClosed(): Promise<void> {
    return this.#file.kind === 'kept' ? this.#file.mirror.fileClosed : Promise.resolve();
  }

  change(wanted: Wanted, limits: CacheLimits): void {
    this.wanted = wanted;
    Object.assign(this.#settings, limitsOf(limits));
    this.cache.change(this.#settings);
  }

  closeNow(): void {
    if (this.#state === 'closed') {
      return;
    }
    this.#state = 'closed';
    this.#cleanup?.cancel();
    this.cache.closeNow();
    if (this.#file.kind === 'locked') {
      closeSync(this.#file.fd);
    } else if (this.#file.kind === 'awaited') {
      this.#file.file.stop();
    }
  }

  #await(
    { path, error, open, persistent }: Extract<FileFound, { kind: 'missing' }>,
    keys: CacheKeys | undefined,
  ): FileState {
    const { label } = this.wanted.settings;
    const fresh = newFile(label, keys);
    if (persistent) {
      this.#circularLog.mirrorTo(missingFile);
    }
    const found = ({ fd, content }: PreparedFile): void => {
      if (content === undefined) {
        this.#file = { kind: 'locked', fd };
        return;
      }
      ftruncateSync(fd, 0);
      const mirror = beginInFile(fd, this.#circularLog, fresh, this.#dependencies);
      this.#file = { kind: 'kept', mirror };
    };
    const { log, retrySeconds } = this.#dependencies;
    return {
      kind: 'awaited',
      file: new AwaitedFile({ label, path, error, open, found, log, retrySeconds }),
    };
  }

  #logCleanup(): void {
    const { label, lifetimeSeconds } = this.#settings;
    this.#dependencies.log.info(`tlsmgr_cache_run_event: start TLS ${label} session cache cleanup`);
    this.#cleanup = after(lifetimeSeconds, () => this.#logCleanup());
  }
}

function limitsOf({ lifetimeSeconds, sizeLimitBytes, entryLimit }: CacheLimits): CacheLimits {
  return { lifetimeSeconds, sizeLimitBytes, entryLimit };
}
