/**
 * Updates the exchange file: at random times, when the process ends, and again
 * after a second while another process holds the lock. A fault is logged once
 * when it begins, and costs no client a seed.
 */
import { FatalError, messageOf } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import { ExchangeFile } from './exchange-file.ts';
import type { Pool } from './pool.ts';
import { atRandomTimes } from './schedule.ts';

/** How long somebody else may hold the lock before it is logged. */
const longLockMs = 60_000;

const lockRetrySeconds = 1;

/** What updates need of an exchange file. */
export type UpdatedFile = Pick<ExchangeFile, 'path' | 'update' | 'reopen' | 'close'>;

export interface UpdateDependencies {
  pool: Pool;
  log: Logger;
  clock: Clock;
  schedule?: typeof after;
}

type State =
  /** The last update was written, or there was none yet. */
  | { name: 'working' }
  /** Another process has held the lock since this time. `before`: what was so until then. */
  | { name: 'locked'; sinceMs: number; before: 'working' | 'failing' }
  /** It has held the lock for long, which was logged. */
  | { name: 'locked out' }
  /** The last update failed, which was logged. */
  | { name: 'failing' }
  | { name: 'closed' };

export class ExchangeUpdates {
  /** How many were written. */
  count = 0;
  readonly #file: UpdatedFile;
  readonly #dependencies: UpdateDependencies;
  #state: State = { name: 'working' };
  #next: Timer | undefined;
  #retry: Timer | undefined;

  constructor(file: UpdatedFile, dependencies: UpdateDependencies) {
    this.#file = file;
    this.#dependencies = dependencies;
  }

  /**
   * Opens the file. Throws FatalError when it can't be opened.
   * @returns undefined when something else stands at the path, which is logged.
   */
  static open(path: string, dependencies: UpdateDependencies): ExchangeUpdates | undefined {
    try {
      return new ExchangeUpdates(ExchangeFile.open(path), dependencies);
    } catch (thrown) {
      if (thrown instanceof FatalError) {
        throw thrown;
      }
      dependencies.log.error(messageOf(thrown));
      return undefined;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  get state(): State['name'] {
    return this.#state.name;
  }

  /** False while updates fail, or have been kept out by a lock for long. */
  get healthy(): boolean {
    const state = this.#state;
    return state.name === 'working' || (state.name === 'locked' && state.before === 'working');
  }

  /** Updates now, and then at random times. */
  start(periodSeconds: number): void {
    this.update();
    this.#next = atRandomTimes(periodSeconds, this.#dependencies.pool, () => this.update());
  }

  update(): void {
    if (this.#state.name === 'closed') {
      return;
    }
    const { pool, log } = this.#dependencies;
    if (log.verbose > 0) {
      log.info('tlsmgr_prng_exch_event: update PRNG exchange file');
    }
    try {
      const outcome = this.#file.update(pool);
      if (outcome === 'locked') {
        this.#lockedOut();
        return;
      }
      this.#state = { name: 'working' };
      this.count += 1;
      if (outcome === 'removed') {
        log.warning('PRNG exchange file was removed');
      }
      // In a chroot the path can't be reached: the file without a name serves on.
      if (outcome !== 'done' && this.#file.reopen()) {
        this.update();
      }
    } catch (thrown) {
      if (this.healthy) {
        log.warning(messageOf(thrown));
      }
      this.#state = { name: 'failing' };
    }
  }

  close(): void {
    if (this.#state.name !== 'closed') {
      this.#state = { name: 'closed' };
      this.#next?.cancel();
      this.#retry?.cancel();
      this.#file.close();
    }
  }

  #lockedOut(): void {
    const { clock, log, schedule = after } = this.#dependencies;
    const nowMs = clock.monotonicMs();
    const state = this.#state;
    if (state.name === 'working' || state.name === 'failing') {
      this.#state = { name: 'locked', sinceMs: nowMs, before: state.name };
    } else if (state.name === 'locked' && nowMs - state.sinceMs >= longLockMs) {
      this.#state = { name: 'locked out' };
      log.warning(`cannot lock PRNG exchange file ${this.path}: another process holds it`);
    }
    this.#retry?.cancel();
    this.#retry = schedule(lockRetrySeconds, () => this.update());
  }
}
