/**
 * Keeps a client from asking a server again and again that doesn't answer.
 *
 *     closed --3 failures in a row--> open --pause over, one call--> trial
 *       ^                              ^                               |
 *       +---------connected------------|-------------------------------+
 *                                      +--failed, the next pause is longer
 *
 * The pause doubles, up to 5 s, and a random part of it is left out, so that
 * many clients of one server don't come back at once.
 */
export type CircuitState = 'closed' | 'open' | 'trial';

const failuresBeforeOpen = 3;
const firstPauseMs = 100;
const longestPauseMs = 5000;

export class Circuit {
  readonly #nowMs: () => number;
  /** 0 to 1. */
  readonly #random: () => number;
  #state: CircuitState = 'closed';
  /** Failures in a row, up to the number that opens it. */
  #failures = 0;
  /** How often it has opened since the last answer. */
  #pauses = 0;
  #untilMs = 0;

  constructor(nowMs = (): number => performance.now(), random = Math.random) {
    this.#nowMs = nowMs;
    this.#random = random;
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Whether a call may wait for a connection now. The first one after a pause is the trial. */
  admits(): boolean {
    if (this.#state === 'open' && this.#nowMs() >= this.#untilMs) {
      this.#state = 'trial';
      return true;
    }
    return this.#state === 'closed';
  }

  /** A server has been found. Until it answers, one failure more opens the circuit again. */
  connected(): void {
    this.#state = 'closed';
  }

  answered(): void {
    this.#failures = 0;
    this.#pauses = 0;
  }

  failed(): void {
    this.#failures = Math.min(this.#failures + 1, failuresBeforeOpen);
    if (this.#failures === failuresBeforeOpen) {
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#pauses);
      this.#untilMs = this.#nowMs() + pauseMs * (1 - this.#random() / 2);
      this.#pauses = Math.min(this.#pauses + 1, 16);
      this.#state = 'open';
    }
  }
}
