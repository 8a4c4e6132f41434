/**
 * Counts the values of the engine that can't be opened, each once, and warns of them
 * at most once a minute.
 */
import type { Logger } from '../../log/logger.ts';
import type { Clock } from '../../system/clock.ts';

const quietMs = 60_000;

/** Values that are remembered, so that none is counted twice. */
const mostRemembered = 1000;

export class UnopenedValues {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #remembered = new Set<string>();
  #untold = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  get count(): number {
    return this.#count;
  }

  /** @param place where the value is; the same value is there at the next exchange as well. */
  add(place: string): void {
    if (this.#remembered.has(place)) {
      return;
    }
    if (this.#remembered.size >= mostRemembered) {
      this.#remembered.clear();
    }
    this.#remembered.add(place);
    this.#count += 1;
    this.#untold += 1;
  }

  /** Logs what came since the last warning, if that is a minute ago. */
  tell(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#untold > 0 && nowMs - this.#toldAtMs >= quietMs) {
      this.#log.warning(`fleet: value not opened (other secret, or damaged): ${this.#untold}`);
      this.#untold = 0;
      this.#toldAtMs = nowMs;
    }
  }
}
