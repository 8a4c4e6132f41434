/**
 * Time limits of many calls with one timer. Calls with the same limit end in the
 * order in which they began, so each limit has a queue of its own.
 */
import type { Clock } from '../../system/clock.ts';
import type { Timer } from '../../system/timers.ts';

export type After = (seconds: number, task: () => void) => Timer;

/**
 * A timer whose task lets the process read first what has arrived. After a pause of
 * the process, replies that are there already count.
 */
export function afterReading(after: After): After {
  return (seconds, task) => {
    let isCancelled = false;
    const timer = after(seconds, () => {
      setImmediate(() => {
        if (!isCancelled) {
          task();
        }
      });
    });
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  };
}

/** A call that has a time limit. */
export interface Limited {
  readonly dueMs: number;
  /** Undefined: it has ended. */
  expire: (() => void) | undefined;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #after: After;
  /** By limit, milliseconds. */
  readonly #queues = new Map<number, Queue>();
  #timer: { timer: Timer; dueMs: number } | undefined;

  constructor(clock: Clock, after: After) {
    this.#clock = clock;
    this.#after = after;
  }

  /** Calls `expire` after the limit, unless end() is called before. */
  begin(limitMs: number, expire: () => void): Limited {
    const limited = { dueMs: this.#clock.monotonicMs() + limitMs, expire };
    let queue = this.#queues.get(limitMs);
    if (queue === undefined) {
      queue = new Queue();
      this.#queues.set(limitMs, queue);
    }
    queue.push(limited);
    this.#arm(limited.dueMs);
    return limited;
  }

  /** It leaves its queue when its time comes. */
  end(limited: Limited): void {
    limited.expire = undefined;
  }

  #arm(dueMs: number): void {
    if (this.#timer !== undefined) {
      if (this.#timer.dueMs <= dueMs) {
        return;
      }
      this.#timer.timer.cancel();
    }
    const waitMs = Math.max(0, dueMs - this.#clock.monotonicMs());
    const timer = this.#after(waitMs / 1000, () => this.#fire());
    this.#timer = { timer, dueMs };
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonicMs();
    const expired: Limited[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const queue of this.#queues.values()) {
      for (let first = queue.first; first !== undefined; first = queue.first) {
        if (first.expire !== undefined && first.dueMs > nowMs) {
          nextMs = Math.min(nextMs, first.dueMs);
          break;
        }
        queue.shift();
        expired.push(first);
      }
    }
    if (nextMs < Number.POSITIVE_INFINITY) {
      this.#arm(nextMs);
    }
    for (const limited of expired) {
      limited.expire?.();
      limited.expire = undefined;
    }
  }
}

/** First in, first out; what has left is dropped from the array now and then. */
class Queue {
  #items: (Limited | undefined)[] = [];
  #head = 0;

  get first(): Limited | undefined {
    return this.#items[this.#head];
  }

  push(item: Limited): void {
    this.#items.push(item);
  }

  shift(): void {
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1000 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}
