/**
 * An open cache: its store, of any type, what shares it with other hosts, and the
 * log lines about it. It serves until it is closed. Later calls to close it do
 * nothing.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { CacheSettings } from '../config/config.ts';
import { messageOf } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import { LoggedCache } from './logged-cache.ts';
import type { Wanted } from './wanted.ts';
import type { CacheLimits, SessionCache } from './session-cache.ts';
import type { Store } from './store.ts';

/** @returns what serves in the place of the local cache: itself, or one that has it inside and closes it. */
export type ShareCache = (
  label: CacheName,
  local: SessionCache,
  limits: CacheLimits,
) => SessionCache;

export interface OpenCacheDependencies {
  log: Logger;
  clock: Clock;
  share?: ShareCache | undefined;
}

export class OpenCache {
  readonly cache: SessionCache;
  /** What main.cf asks for, with the limits as main.cf has them. */
  wanted: Wanted;
  readonly #store: Store;
  readonly #log: Logger;
  /** The settings with the limits in force. */
  readonly #inForce: CacheSettings;
  #cleanup: Timer | undefined;
  #state: 'serving' | 'closed' = 'serving';

  /** @param inForce the settings with the limits in force. The store was opened with the same object. */
  constructor(
    wanted: Wanted,
    inForce: CacheSettings,
    store: Store,
    { log, clock, share }: OpenCacheDependencies,
  ) {
    this.wanted = wanted;
    this.#inForce = inForce;
    this.#store = store;
    this.#log = log;
    const { label, logOperations, lifetimeSeconds, sizeLimitBytes, entryLimit } = inForce;
    const limits = { lifetimeSeconds, sizeLimitBytes, entryLimit };
    this.cache = share === undefined ? store.cache : share(label, store.cache, limits);
    if (logOperations) {
      this.cache = new LoggedCache(label, this.cache, log, () => clock.nowSeconds());
      this.#logCleanup();
    }
  }

  /** Resolves when its file has been read back. Never rejects. */
  get loaded(): Promise<void> {
    return this.#store.loaded;
  }

  /** Resolves when its file is closed, and free for others. */
  get released(): Promise<void> {
    return this.#store.released;
  }

  /** Takes on other settings. The second parameter has the limits that are in force from now on. */
  change(wanted: Wanted, { lifetimeSeconds, sizeLimitBytes, entryLimit }: CacheSettings): void {
    this.wanted = wanted;
    const limits = { lifetimeSeconds, sizeLimitBytes, entryLimit };
    Object.assign(this.#inForce, limits);
    this.cache.change(limits);
  }

  closeNow(): void {
    if (this.#state === 'closed') {
      return;
    }
    this.#state = 'closed';
    this.#cleanup?.cancel();
    this.cache.closeNow();
    this.#store.closeNow();
  }

  /** Overwrites its sessions in memory, after it was closed. Never rejects. */
  async overwrite(): Promise<void> {
    try {
      await this.cache.flush();
    } catch (error) {
      const { label } = this.#inForce;
      this.#log.warning(
        `cannot overwrite the closed ${label} TLS session cache: ${messageOf(error)}`,
      );
    }
  }

  #logCleanup(): void {
    const { label, lifetimeSeconds } = this.#inForce;
    this.#log.info(`tlsmgr_cache_run_event: start TLS ${label} session cache cleanup`);
    this.#cleanup = after(lifetimeSeconds, () => this.#logCleanup());
  }
}
