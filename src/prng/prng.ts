/**
 * The PRNG manager: the pool, what feeds it, and the file that carries its state
 * to the next process. A start has three phases. The source is opened with
 * root's rights. The exchange file is opened with mail_owner's rights. After
 * privileges are dropped, start() reads the source for the first time. A fault
 * of a source or of the file costs no client a seed. Follows
 * src/tlsmgr/tlsmgr.c.
 */
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { EgdServer } from './egd-server.ts';
import { ExchangeUpdates } from './exchange-updates.ts';
import { Pool, type SystemEntropy } from './pool.ts';
import { SourceReader } from './source-reader.ts';
import { sourceOf } from './source.ts';

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
  /** `refused`: what stands at the path must not be written to. */
  #exchange: ExchangeUpdates | 'none' | 'refused' = 'none';
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
    const { pool } = this;
    const log = this.#log;
    this.#exchange = ExchangeUpdates.open(path, { pool, log, clock: this.#clock }) ?? 'refused';
    if (this.#exchange !== 'refused' && log.verbose > 0) {
      log.info(`tls_prng_exch_open: opened PRNG exchange file ${path}`);
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
    this.#updates?.start(this.#settings.updatePeriodSeconds);
  }

  /** Saves the state, as the process is ending. A failure is logged. */
  saveNow(): void {
    this.#updates?.update();
  }

  /** Stops all work and overwrites the state. */
  close(): void {
    this.#reader?.close();
    this.#egdServer?.close();
    this.#updates?.close();
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
      exchangeFile: this.#updates?.path ?? '',
      exchangeUpdates: this.#updates?.count ?? 0,
      exchangeHealthy: this.#updates?.healthy ?? this.#exchange !== 'refused',
    };
  }

  get #updates(): ExchangeUpdates | undefined {
    return typeof this.#exchange === 'string' ? undefined : this.#exchange;
  }
}
