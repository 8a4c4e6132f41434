/**
 * Limits the warnings that a client can cause to one per second of each kind, so
 * that a flood of bad requests doesn't fill a disk. The next line of the same
 * kind says how many were left out. When no next line comes, a last line repeats
 * the text with the number:
 *
 *   text (41 similar messages suppressed)
 *
 * The text of a warning that is left out is never made. The number of kinds is
 * bounded; further kinds share one count.
 */
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import type { Logger, LogWarning } from './logger.ts';
import type { Schedule } from './outlet.ts';

const periodMs = 1000;
/** Later than a period: a flood that goes on is best counted by its own next line. */
const trailingMs = 2 * periodMs;
const mostKinds = 64;
const otherKinds = 'other';

interface Kind {
  loggedMs: number;
  text: string;
  suppressed: number;
}

export class WarningLimiter {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #kinds = new Map<string, Kind>();
  #timer: Timer | undefined;

  constructor(log: Logger, clock: Clock, schedule: Schedule = after) {
    this.#log = log;
    this.#clock = clock;
    this.#schedule = schedule;
  }

  /** Logs the text that `text` makes, unless its kind had a line in this second. */
  readonly warn: LogWarning = (kind, text) => {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#kinds.get(kind) ?? this.#kinds.get(this.#nameFor(kind));
    if (known === undefined) {
      const first = { loggedMs: nowMs, text: text(), suppressed: 0 };
      this.#kinds.set(this.#nameFor(kind), first);
      this.#log.warning(first.text);
    } else if (nowMs - known.loggedMs >= periodMs) {
      known.text = text();
      this.#logCounted(known, nowMs);
    } else {
      known.suppressed += 1;
      this.#arm();
    }
  };

  /** Logs the counts that are still to come: for the end of the process. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const kind of this.#kinds.values()) {
      if (kind.suppressed > 0) {
        this.#logCounted(kind, nowMs);
      }
    }
  }

  #nameFor(kind: string): string {
    return this.#kinds.size < mostKinds || this.#kinds.has(kind) ? kind : otherKinds;
  }

  #logCounted(kind: Kind, nowMs: number): void {
    const { suppressed } = kind;
    kind.suppressed = 0;
    kind.loggedMs = nowMs;
    this.#log.warning(suppressed === 0 ? kind.text : `${kind.text} ${suppressedNote(suppressed)}`);
  }

  #arm(): void {
    if (this.#timer !== undefined) {
      return;
    }
    this.#timer = this.#schedule(trailingMs / 1000, () => {
      this.#timer = undefined;
      this.#trail();
    });
  }

  #trail(): void {
    const nowMs = this.#clock.monotonicMs();
    let more = false;
    for (const kind of this.#kinds.values()) {
      if (kind.suppressed > 0) {
        if (nowMs - kind.loggedMs >= periodMs) {
          this.#logCounted(kind, nowMs);
        } else {
          more = true;
        }
      }
    }
    if (more) {
      this.#arm();
    }
  }
}

function suppressedNote(count: number): string {
  return count === 1 ? '(1 similar message suppressed)' : `(${count} similar messages suppressed)`;
}
