/**
 * Tells master(8) and the launcher, once, that this process has come to serve:
 * with its first answer, or after a few seconds in which nobody has asked. On an
 * idle host no answer may come for hours. One that is killed meanwhile has not
 * failed to start: without this, master would throttle the service, and the
 * launcher would start Postfix's own next.
 */
import { reportServed } from './master-channel.ts';
import { startThreads } from './privileges.ts';
import type { StartRecord } from './start-record.ts';

/** A fault of the program or of the host shows itself sooner. */
const quietServiceMs = 3000;

export class ServedNotice {
  readonly #generation: number;
  readonly #record: StartRecord;
  readonly #settle: () => void;
  #isTold = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param settle called then (settle.ts). */
  constructor(generation: number, record: StartRecord, settle: () => void) {
    this.#generation = generation;
    this.#record = record;
    this.#settle = settle;
  }

  /** Call it when service begins. Never keeps the process alive. */
  startsToServe(): void {
    this.#timer = setTimeout(() => this.tell(), quietServiceMs).unref();
  }

  tell(): void {
    if (this.#isTold) {
      return;
    }
    this.#isTold = true;
    clearTimeout(this.#timer);
    // They write files. Where the system refuses them the process ends here: that start has failed.
    void startThreads();
    reportServed(this.#generation);
    this.#record.served();
    this.#settle();
  }
}
