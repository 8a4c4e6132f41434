/**
 * Who is to be told when a signal is aborted. A program may give one signal to
 * thousands of calls: it gets one listener for all of them, as Node warns of more
 * than ten.
 */
const watches = new WeakMap<AbortSignal, AbortWatch>();

class AbortWatch {
  readonly #signal: AbortSignal;
  readonly #told = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(tell: () => void): void {
    if (this.#told.size === 0) {
      this.#signal.addEventListener('abort', this.#tellAll);
    }
    this.#told.add(tell);
  }

  delete(tell: () => void): void {
    if (this.#told.delete(tell) && this.#told.size === 0) {
      this.#signal.removeEventListener('abort', this.#tellAll);
    }
  }

  readonly #tellAll = (): void => {
    for (const tell of this.#told) {
      tell();
    }
  };
}

/** Calls `tell` when the signal is aborted, until `unwatchAbort()`. */
export function watchAbort(signal: AbortSignal, tell: () => void): void {
  let watch = watches.get(signal);
  if (watch === undefined) {
    watch = new AbortWatch(signal);
    watches.set(signal, watch);
  }
  watch.add(tell);
}

export function unwatchAbort(signal: AbortSignal, tell: () => void): void {
  watches.get(signal)?.delete(tell);
}

/** A program may abort with any reason, also with an error of ours. */
export function isAbortReason(signal: AbortSignal | null | undefined, thrown: unknown): boolean {
  return signal?.aborted === true && signal.reason === thrown;
}
