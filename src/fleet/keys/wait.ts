/** A wait for something, for a limited time. */
import type { Timer } from '../../system/timers.ts';

export class Wait {
  /** Resolves at the limit, or sooner by end(). */
  readonly over: Promise<void>;
  #resolve: () => void = () => {};
  readonly #timer: Timer;

  /** @param atLimit called when the limit is reached first. */
  constructor(
    after: (seconds: number, task: () => void) => Timer,
    limitMs: number,
    atLimit: () => void = () => {},
  ) {
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = after(limitMs / 1000, () => {
      atLimit();
      this.#resolve();
    });
  }

  end(): void {
    this.#timer.cancel();
    this.#resolve();
  }

  /** Ends with the promise, which never rejects. */
  async endWith(promise: Promise<void>): Promise<void> {
    await promise;
    this.end();
  }
}
