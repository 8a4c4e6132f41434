/** Time that passes when a test says so: a clock, timers, and tasks at given times. */
import type { Clock } from '../../src/system/clock.ts';
import type { Timer } from '../../src/system/timers.ts';

interface ScheduledTask {
  readonly at: number;
  readonly order: number;
  /** undefined once it is cancelled. */
  task: (() => void) | undefined;
}

export class VirtualTime {
  /** True time, in seconds since 1970. */
  seconds: number;
  /** Whether promises may have something to do before the next event. */
  isUnsettled = true;
  readonly #events = new TaskHeap();
  #order = 0;

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  /** @param isAhead seconds by which this clock is ahead of true time. */
  clock(isAhead = 0): Clock {
    return {
      nowSeconds: () => Math.floor(this.seconds + isAhead),
      monotonicMs: () => this.seconds * 1000,
    };
  }

  at(seconds: number, task: () => void): Timer {
    const event: ScheduledTask = { at: Math.max(seconds, this.seconds), order: this.#order, task };
    this.#order += 1;
    this.#events.add(event);
    return {
      cancel: () => {
        event.task = undefined;
      },
    };
  }

  readonly after = (seconds: number, task: () => void): Timer =>
    this.at(this.seconds + Math.max(0, seconds), task);

  /** Timers that wait, for tests that nothing is left. */
  get waiting(): number {
    return this.#events.all.filter(({ task }) => task !== undefined).length;
  }

  /** Lets promises do what they can without time passing. */
  async settle(): Promise<void> {
    this.isUnsettled = false;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  async pass(seconds: number): Promise<void> {
    await this.settle();
    await this.passUntil(this.seconds + seconds, true);
  }

  /**
   * Runs what is due until then, in order.
   * @param settles after each event; otherwise only where isUnsettled has been set.
   */
  async passUntil(end: number, settles = false): Promise<void> {
    for (let event = this.#events.take(end); event !== undefined; event = this.#events.take(end)) {
      this.seconds = event.at;
      event.task?.();
      if (settles || this.isUnsettled) {
        await this.settle();
      }
    }
    this.seconds = end;
  }
}

/** A binary heap, the earliest event on top. */
class TaskHeap {
  readonly all: ScheduledTask[] = [];

  add(event: ScheduledTask): void {
    const { all } = this;
    let at = all.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(event, all[above]!)) {
        break;
      }
      all[at] = all[above]!;
      at = above;
    }
    all[at] = event;
  }

  /** Takes the earliest event that is due by then. */
  take(end: number): ScheduledTask | undefined {
    const { all } = this;
    const [first] = all;
    if (first === undefined || first.at > end) {
      return undefined;
    }
    const last = all.pop()!;
    if (all.length > 0) {
      this.#sink(last);
    }
    return first;
  }

  #sink(event: ScheduledTask): void {
    const { all } = this;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      if (below + 1 < all.length && isBefore(all[below + 1]!, all[below]!)) {
        below += 1;
      }
      if (below >= all.length || !isBefore(all[below]!, event)) {
        break;
      }
      all[at] = all[below]!;
      at = below;
    }
    all[at] = event;
  }
}

function isBefore(one: ScheduledTask, other: ScheduledTask): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
