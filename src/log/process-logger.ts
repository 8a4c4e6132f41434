/**
 * The logger of a whole process. It makes the text printable and sends it to
 * each of its outlets. Nothing here throws, and only drainNow() waits.
 */
import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger, Severity } from './logger.ts';
import { loadTimeZone, printableText } from './line.ts';
import type { Outlet } from './outlet.ts';
import { Troubles } from './troubles.ts';

export class ProcessLogger implements Logger {
  verbose = 0;
  /** The warnings and errors among what was logged. */
  readonly troubles: Troubles;
  /** Whether text other than ASCII stays as it is. */
  protected keepUtf8: boolean;
  protected outlets: Outlet[];
  #ending = false;

  constructor(outlets: Outlet[], keepUtf8: boolean, clock: Clock = systemClock) {
    this.troubles = new Troubles(clock);
    this.outlets = outlets;
    this.keepUtf8 = keepUtf8;
    loadTimeZone();
  }

  info(text: string, when?: 'soon'): void {
    this.#log('info', text, when);
  }

  warning(text: string): void {
    this.#log('warning', text);
  }

  error(text: string): void {
    this.#log('error', text);
  }

  /** The reason why the process ends. Only the first is logged: the others follow from it. */
  fatal(text: string): void {
    this.#logEnd('fatal', text);
  }

  /** As fatal, for a broken promise in our own code. */
  panic(text: string): void {
    this.#logEnd('panic', text);
  }

  /**
   * Blocks until every line has left, or the limit is reached: for the end of the
   * process. It waits for a reader that is away only when a fatal error or a panic
   * was logged. @returns false when lines are left.
   */
  drainNow(limitMs: number): boolean {
    const untilMs = performance.now() + limitMs;
    let drained = true;
    for (const outlet of this.allOutlets()) {
      const leftMs = Math.max(0, untilMs - performance.now());
      drained = outlet.drainNow(leftMs, this.#ending) && drained;
    }
    return drained;
  }

  /** The outlets that may have lines to deliver. */
  protected allOutlets(): readonly Outlet[] {
    return this.outlets;
  }

  /** Gives up the connections, and what waits for them. */
  close(): void {
    for (const outlet of this.allOutlets()) {
      outlet.close();
    }
  }

  #logEnd(severity: 'fatal' | 'panic', text: string): void {
    if (!this.#ending) {
      this.#ending = true;
      this.#log(severity, text);
    }
  }

  #log(severity: Severity, text: string, when?: 'soon'): void {
    const printable = printableText(text, this.keepUtf8);
    this.troubles.note(severity, printable);
    for (const outlet of this.outlets) {
      if (when === 'soon') {
        outlet.postSoon(severity, printable);
      } else {
        outlet.post(severity, printable);
      }
    }
  }
}
