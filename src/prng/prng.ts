/**
 * The PRNG manager: the pool, what feeds it, and the file that carries its state
 * on. It goes through the phases of a daemon's start: the source is opened with
 * root's rights, the exchange file with mail_owner's, and nothing is read from
 * the source before start(), after privileges are dropped. No fault of a source
 * or of the file costs a client a seed. Follows src/tlsmgr/tlsmgr.c.
 */
import { FatalError, messageOf } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import type { Timer } from '../system/timers.ts';
import { EgdServer } from './egd-server.ts';
import { ExchangeFile } from './exchange-file.ts';
import { Pool, type SystemEntropy } from './pool.ts';
import { atRandomTimes } from './schedule.ts';
import { SourceReader } from './source-reader.ts';
import { sourceOf } from './source.ts';

/** How long somebody else may hold the lock before it is said. */
const longLockMs = 60_000;

const lockRetryMs = 1000;

export interface PrngSettings {
  /** `dev:/path`, `egd:/path`, a path, or empty. */
  source: string;
  /** Bytes read from the source at each reseed. */
  bytes: number;
  reseedPeriodSeconds: number;
  /** Of the exchange file. */
  updatePeriodSeconds: number;
  /** Path of a socket that serves the EGD protocol to others; empty: none. */
  egdListen: string;
}

export interface PrngDependencies {
  log: Logger;
  clock: Clock;
  systemEntropy?: SystemEntropy;
  /** Of each step of a source, in milliseconds. */
  sourceTimeoutMs?: number;
}

export interface PrngStatistics {
  /** tls_random_source; empty for none. */
  source: string;
  sourceHealthy: boolean;
  sourceFailures: number;
  lastReseedAgeSeconds: number | undefined;
  /** Healthy reads of the source. */
  reseeds: number;
  /** How often the operating system's generator was mixed in. */
  refills: number;
  bytesServed: number;
  /** Empty for none. */
  exchangeFile: string;
  exchangeUpdates: number;
  exchangeHealthy: boolean;
}

export class Prng {
  readonly pool: Pool;
  readonly #settings: PrngSettings;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #reader: SourceReader | undefined;
  #exchange: ExchangeFile | undefined;
  #exchangeTimer: Timer | undefined;
  #lockRetry: NodeJS.Timeout | undefined;
  #lockedSinceMs: number | undefined;
  #lockTold = false;
  #exchangeUpdates = 0;
  #exchangeHealthy = true;
  #removalTold = false;
  #egdServer: EgdServer | undefined;

  constructor(settings: PrngSettings, dependencies: PrngDependencies) {
    const { log, clock, systemEntropy, sourceTimeoutMs } = dependencies;
    this.#settings = settings;
    this.#log = log;
    this.#clock = clock;
    this.pool = new Pool({ clock, ...(systemEntropy === undefined ? {} : { systemEntropy }) });
    const source = sourceOf(settings.source, sourceTimeoutMs);
    if (source === undefined) {
      log.warning('no entropy source specified with parameter tls_random_source');
      log.warning('encryption keys etc. may be predictable');
    } else {
      this.#reader = new SourceReader({
        source,
        name: settings.source,
        bytes: settings.bytes,
        periodSeconds: settings.reseedPeriodSeconds,
        pool: this.pool,
        log,
        clock,
      });
    }
  }

  /** Opens the source, not reading it. A failure is logged, and tried again later. */
  async openSource(): Promise<void> {
    await this.#reader?.open();
  }

  /** @param path after redirection; empty for none. Throws FatalError. */
  openExchangeFile(path: string): void {
    if (path === '') {
      return;
    }
    try {
      this.#exchange = ExchangeFile.open(path);
    } catch (thrown) {
      if (thrown instanceof FatalError) {
        throw thrown;
      }
      this.#exchangeHealthy = false;
      this.#log.error(messageOf(thrown));
      return;
    }
    if (this.#log.verbose > 0) {
      this.#log.info(`tls_prng_exch_open: opened PRNG exchange file ${path}`);
    }
  }

  /** Serves others, when tlsmgr_egd_listen is set. Throws FatalError. */
  async openEgdListener(): Promise<void> {
    if (this.#settings.egdListen !== '') {
      this.#egdServer = await EgdServer.listen(this.#settings.egdListen, this.pool, this.#clock);
    }
  }

  /** First read of the source, in the background; exchange file; both again at random times. */
  start(): void {
    void this.#reader?.start();
    if (this.#exchange !== undefined) {
      this.#updateExchange();
      this.#exchangeTimer = atRandomTimes(this.#settings.updatePeriodSeconds, this.pool, () =>
        this.#updateExchange(),
      );
    }
  }

  /** Saves the state, as the process is ending. A failure is logged. */
  saveNow(): void {
    this.#updateExchange();
  }

  /** Stops all work and overwrites the state. */
  close(): void {
    this.#exchangeTimer?.cancel();
    clearTimeout(this.#lockRetry);
    this.#reader?.close();
    this.#egdServer?.close();
    this.#exchange?.close();
    this.#exchange = undefined;
    this.pool.wipe();
  }

  statistics(): PrngStatistics {
    const lastMs = this.#reader?.lastReadMs;
    return {
      source: this.#settings.source,
      sourceHealthy: this.#reader?.healthy ?? true,
      sourceFailures: this.#reader?.failures ?? 0,
      lastReseedAgeSeconds:
        lastMs === undefined ? undefined : Math.floor((this.#clock.monotonicMs() - lastMs) / 1000),
      reseeds: this.#reader?.reads ?? 0,
      refills: this.pool.refills,
      bytesServed: this.pool.bytesServed,
      exchangeFile: this.#exchange?.path ?? '',
      exchangeUpdates: this.#exchangeUpdates,
      exchangeHealthy: this.#exchangeHealthy,
    };
  }

  #updateExchange(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      return;
    }
    if (this.#log.verbose > 0) {
      this.#log.info('tlsmgr_prng_exch_event: update PRNG exchange file');
    }
    try {
      const outcome = exchange.update(this.pool);
      if (outcome === 'locked') {
        this.#lockedOut();
        return;
      }
      this.#lockedSinceMs = undefined;
      this.#lockTold = false;
      this.#exchangeUpdates += 1;
      this.#exchangeHealthy = true;
      if (outcome === 'removed') {
        this.#removed(exchange);
      }
    } catch (thrown) {
      if (this.#exchangeHealthy) {
        this.#log.warning(messageOf(thrown));
      }
      this.#exchangeHealthy = false;
    }
  }

  #lockedOut(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#lockedSinceMs ??= nowMs;
    if (nowMs - this.#lockedSinceMs >= longLockMs && !this.#lockTold) {
      this.#lockTold = true;
      this.#exchangeHealthy = false;
      this.#log.warning(
        `cannot lock PRNG exchange file ${this.#exchange!.path}: another process holds it`,
      );
    }
    clearTimeout(this.#lockRetry);
    this.#lockRetry = setTimeout(() => this.#updateExchange(), lockRetryMs);
    this.#lockRetry.unref();
  }

  /** Goes on with a new file where it can; in a chroot with the one that has no name. */
  #removed(exchange: ExchangeFile): void {
    if (!this.#removalTold) {
      this.#log.warning('PRNG exchange file was removed');
    }
    this.#removalTold = !exchange.reopen();
    if (!this.#removalTold) {
      this.#updateExchange();
    }
  }
}
