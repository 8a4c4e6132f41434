/**
 * Notices when clients wait and no connection is accepted. libuv reports no failure
 * of accept(2) and tries again for ever. Then the process should end, so that
 * another one is started. The original also ends after some failures.
 */
import { FatalError } from '../errors.ts';

const everySeconds = 5;

export class AcceptWatch {
  readonly #clientsWait: () => boolean;
  readonly #timer: NodeJS.Timeout;
  #waited = false;
  #accepted = false;

  /** @param clientsWait whether there is a connection to accept at this moment. */
  constructor(clientsWait: () => boolean) {
    this.#clientsWait = clientsWait;
    this.#timer = setInterval(() => this.check(), everySeconds * 1000).unref();
  }

  accepted(): void {
    this.#accepted = true;
  }

  /** Throws FatalError when clients have waited since the last call and none was accepted. */
  check(): void {
    const waits = this.#clientsWait();
    if (waits && this.#waited && !this.#accepted) {
      throw new FatalError(`no connection could be accepted for ${everySeconds} s`);
    }
    this.#waited = waits;
    this.#accepted = false;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
