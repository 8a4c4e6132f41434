/**
 * Reads a source again and again without anybody waiting for it. A fault is
 * logged once when it begins, its end once; between, the source is tried again
 * after 1 s, 2 s, and so on up to 60 s. Data that fails the health tests is
 * mixed in all the same, but credited nothing and reported once.
 */
import { messageOf } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import type { EntropySource } from './entropy-source.ts';
import { HealthTests } from './health-tests.ts';
import type { Pool } from './pool.ts';
import { randomDelaySeconds } from './schedule.ts';
import { longestRead } from './source.ts';

const shortestRetrySeconds = 1;
const longestRetrySeconds = 60;

export interface SourceReaderOptions {
  source: EntropySource;
  /** tls_random_source, for the log. */
  name: string;
  bytes: number;
  periodSeconds: number;
  pool: Pool;
  log: Logger;
  clock: Clock;
}

export class SourceReader {
  /** Healthy reads. */
  reads = 0;
  failures = 0;
  lastReadMs: number | undefined;
  readonly #options: SourceReaderOptions;
  readonly #health = new HealthTests();
  #failing = false;
  #stuck = false;
  #retrySeconds = shortestRetrySeconds;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: SourceReaderOptions) {
    this.#options = options;
  }

  /** False while the source fails, or gives data that looks stuck. */
  get healthy(): boolean {
    return !this.#failing && !this.#stuck;
  }

  /** Opens the source, with the rights of the moment. */
  async open(): Promise<void> {
    try {
      await this.#options.source.open();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** Reads now, and then at random times. Settles after the first try. */
  async start(): Promise<void> {
    const next = await this.#readOnce();
    if (next !== undefined && !this.#closed) {
      this.#timer = after(next, () => void this.start());
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#options.source.close();
  }

  /** @returns seconds until the next try; undefined for none. */
  async #readOnce(): Promise<number | undefined> {
    const { source, bytes, pool, periodSeconds } = this.#options;
    let data: Buffer;
    try {
      data = await source.read(source.lasting ? Math.min(bytes, longestRead) : bytes);
    } catch (thrown) {
      if (this.#closed) {
        return undefined;
      }
      this.#fail(thrown);
      const seconds = this.#retrySeconds;
      this.#retrySeconds = Math.min(seconds * 2, longestRetrySeconds);
      return seconds;
    }
    if (this.#closed) {
      data.fill(0);
      return undefined;
    }
    this.#succeed(data);
    data.fill(0);
    if (!source.lasting) {
      return undefined;
    }
    return randomDelaySeconds(periodSeconds, pool);
  }

  #succeed(data: Buffer): void {
    const { log, name, pool, clock } = this.#options;
    this.#retrySeconds = shortestRetrySeconds;
    pool.reseed(data);
    if (this.#health.check(data)) {
      this.reads += 1;
      this.lastReadMs = clock.monotonicMs();
      if (!this.healthy) {
        log.info(`entropy source ${name} is back`);
      }
      this.#failing = this.#stuck = false;
    } else if (!this.#stuck) {
      this.#stuck = true;
      this.failures += 1;
      log.warning(`entropy source ${name} fails its health test: its data counts for nothing`);
    }
    if (log.verbose > 0) {
      log.info(`read ${data.length} bytes from entropy source ${name}`);
    }
  }

  #fail(thrown: unknown): void {
    this.failures += 1;
    if (!this.#failing) {
      this.#failing = true;
      this.#options.log.warning(messageOf(thrown));
    }
  }
}
