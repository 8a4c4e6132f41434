/**
 * Reads a source again and again. Nobody waits for it. A fault is logged once
 * when it begins and once when it ends. Meanwhile the source is tried again
 * after 1 s, 2 s, and so on up to 60 s. Data that fails the health tests is
 * mixed in all the same, but it doesn't count as a read, and this is logged
 * once.
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

/**
 * `stuck`: the data fails its health tests. Both faults may be there, and each
 * is logged once until the source is healthy again.
 */
type State = 'healthy' | 'failing' | 'stuck' | 'failing and stuck' | 'closed';

const whenFailing = {
  healthy: 'failing',
  failing: 'failing',
  stuck: 'failing and stuck',
  'failing and stuck': 'failing and stuck',
  closed: 'closed',
} as const satisfies Record<State, State>;

const whenStuck = {
  healthy: 'stuck',
  failing: 'failing and stuck',
  stuck: 'stuck',
  'failing and stuck': 'failing and stuck',
  closed: 'closed',
} as const satisfies Record<State, State>;

export class SourceReader {
  /** Healthy reads. */
  reads = 0;
  failures = 0;
  lastReadMs: number | undefined;
  readonly #options: SourceReaderOptions;
  readonly #health = new HealthTests();
  #state: State = 'healthy';
  #retrySeconds = shortestRetrySeconds;
  #timer: Timer | undefined;

  constructor(options: SourceReaderOptions) {
    this.#options = options;
  }

  /** False while the source fails, gives data that looks stuck, or is closed. */
  get healthy(): boolean {
    return this.#state === 'healthy';
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
    if (next !== undefined && !this.#isClosed()) {
      this.#timer = after(next, () => void this.start());
    }
  }

  close(): void {
    this.#state = 'closed';
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
      if (this.#isClosed()) {
        return undefined;
      }
      this.#fail(thrown);
      const seconds = this.#retrySeconds;
      this.#retrySeconds = Math.min(seconds * 2, longestRetrySeconds);
      return seconds;
    }
    if (this.#isClosed()) {
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
      if (this.#enter('healthy')) {
        log.info(`entropy source ${name} is back`);
      }
    } else if (this.#enter(whenStuck[this.#state])) {
      this.failures += 1;
      log.warning(`entropy source ${name} fails its health test: its data counts for nothing`);
    }
    if (log.verbose > 0) {
      log.info(`read ${data.length} bytes from entropy source ${name}`);
    }
  }

  /** @returns whether the state is another one now. */
  #enter(state: State): boolean {
    const before = this.#state;
    this.#state = state;
    return state !== before;
  }

  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #fail(thrown: unknown): void {
    this.failures += 1;
    if (this.#enter(whenFailing[this.#state])) {
      this.#options.log.warning(messageOf(thrown));
    }
  }
}
