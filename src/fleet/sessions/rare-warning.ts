/** A warning that is logged at most once a minute, with the number of times since the line before. */
import type { Logger } from '../../log/logger.ts';
import type { Clock } from '../../system/clock.ts';

const periodMs = 60_000;

export class RareWarning {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #text: (count: number, reason: string) => string;
  #count = 0;
  #loggedMs: number | undefined;

  /** @param text makes the line. @param reason that of the last time. */
  constructor(
    { log, clock }: { log: Logger; clock: Clock },
    text: (count: number, reason: string) => string,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#text = text;
  }

  tell(reason: string): void {
    this.#count += 1;
    const nowMs = this.#clock.monotonicMs();
    if (this.#loggedMs === undefined || nowMs - this.#loggedMs >= periodMs) {
      this.#log.warning(this.#text(this.#count, reason));
      this.#loggedMs = nowMs;
      this.#count = 0;
    }
  }
}
