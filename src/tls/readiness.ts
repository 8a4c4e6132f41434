/**
 * A promise that keeps the process alive while somebody waits for it, and for
 * no longer than a limit. Nothing else of a server that doesn't listen yet does:
 * Node would end the process in the middle of an `await`, without a word.
 */
export class Readiness {
  readonly #limitMs: number;
  readonly #promise: Promise<void>;
  #resolve: () => void = () => {};
  #isSettled = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.#promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** The limit counts from the first time that it is asked for. */
  get promise(): Promise<void> {
    if (!this.#isSettled) {
      this.#timer ??= setTimeout(() => this.settle(), this.#limitMs);
    }
    return this.#promise;
  }

  settle(): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#resolve();
  }
}
