/**
 * A cache that is open: its store, whatever that is, and the lines about it in
 * the log. Serves until it is closed, and is closed once.
 */
import type { CacheSettings } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import { LoggedCache } from './logged-cache.ts';
import type { Wanted } from './wanted.ts';
import type { SessionCache } from './session-cache.ts';
import type { Store } from './store.ts';

export interface OpenCacheDependencies {
  log: Logger;
  clock: Clock;
}

export class OpenCache {
  readonly cache: SessionCache;
  /** What it was opened for; its settings are those of main.cf. */
  wanted: Wanted;
  readonly #store: Store;
  readonly #log: Logger;
  /** With the limits in force. */
  readonly #inForce: CacheSettings;
  #cleanup: Timer | undefined;
  #state: 'serving' | 'closed' = 'serving';

  /** @param inForce the store goes by it, too. */
  constructor(
    wanted: Wanted,
    inForce: CacheSettings,
    store: Store,
    { log, clock }: OpenCacheDependencies,
  ) {
    this.wanted = wanted;
    this.#inForce = inForce;
    this.#store = store;
    this.#log = log;
    this.cache = store.cache;
    const { label, logOperations } = inForce;
    if (logOperations) {
      this.cache = new LoggedCache(label, store.cache, log, () => clock.nowSeconds());
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

  /** @param settings with the limits that are in force from now on. */
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
    this.#store.closeNow();
  }

  #logCleanup(): void {
    const { label, lifetimeSeconds } = this.#inForce;
    this.#log.info(`tlsmgr_cache_run_event: start TLS ${label} session cache cleanup`);
    this.#cleanup = after(lifetimeSeconds, () => this.#logCleanup());
  }
}
