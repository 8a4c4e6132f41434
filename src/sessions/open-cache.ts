/** Everything that is open for one cache: the log, the file behind it, the lines about it. */
import { closeSync } from 'node:fs';
import type { CacheSettings } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import type { PreparedFile } from './cache-file.ts';
import type { CacheKeys } from './cache-keys.ts';
import { CircularLog } from './circular-log.ts';
import { evictionAlarm } from './eviction-alarm.ts';
import { geometryOf } from './geometry.ts';
import { LoggedCache } from './logged-cache.ts';
import { keepInFile } from './persistence.ts';
import type { CacheLimits, SessionCache } from './session-cache.ts';

export interface CachesDependencies {
  log: Logger;
  clock: Clock;
  /** How long to wait for the lock on a file, in milliseconds. */
  lockPatienceMs?: number | undefined;
}

export class OpenCache {
  readonly cache: SessionCache;
  /** Resolves when its file has been read back. */
  readonly loaded: Promise<void>;
  readonly #fd: number | undefined;
  readonly #log: Logger;
  /** Our own: limits change while it serves. */
  readonly #settings: CacheSettings;
  #cleanup: Timer | undefined;

  constructor(
    settings: CacheSettings,
    file: PreparedFile | undefined,
    keys: CacheKeys | undefined,
    dependencies: CachesDependencies,
  ) {
    this.#settings = { ...settings };
    // A file that is written to is closed by what writes to it.
    this.#fd = file?.content === undefined ? file?.fd : undefined;
    this.#log = dependencies.log;
    const log = new CircularLog(
      { ...settings, ...geometryOf(settings.sizeLimitBytes) },
      {
        clock: dependencies.clock,
        onEviction: evictionAlarm(this.#settings, dependencies.clock, dependencies.log),
      },
    );
    this.loaded =
      file?.content === undefined
        ? Promise.resolve()
        : keepInFile(settings.label, file.fd, log, file.content, keys, dependencies).loaded;
    if (settings.logOperations) {
      this.cache = new LoggedCache(settings.label, log, dependencies.log);
      this.#logCleanup();
    } else {
      this.cache = log;
    }
  }

  change({ lifetimeSeconds, sizeLimitBytes, entryLimit }: CacheLimits): void {
    Object.assign(this.#settings, { lifetimeSeconds, sizeLimitBytes, entryLimit });
    this.cache.change(this.#settings);
  }

  closeNow(): void {
    this.#cleanup?.cancel();
    this.cache.closeNow();
    if (this.#fd !== undefined) {
      closeSync(this.#fd);
    }
  }

  #logCleanup(): void {
    const { label, lifetimeSeconds } = this.#settings;
    this.#log.info(`tlsmgr_cache_run_event: start TLS ${label} session cache cleanup`);
    this.#cleanup = after(lifetimeSeconds, () => this.#logCleanup());
  }
}
