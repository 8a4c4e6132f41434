/**
 * Shares the time of the service among its clients. A turn ends when its time
 * is over. The remaining requests of that client wait in a queue. The queue gets
 * the time of one turn in each round of the event loop. So a client that sends
 * many requests at once waits behind its own requests, and other clients wait
 * for one turn.
 *
 * Reading takes time as well. A client that sends a long request waits in the
 * queue too, for each part of it. In each turn only some clients may read.
 *
 * A client that sends one short request at a time is never in the queue: its
 * request is answered when it is read.
 */
import { systemClock } from '../system/clock.ts';

/** The length of a turn: a client may use this time before others have their turn. */
export const turnMs = 0.25;

/** How long a client counts as busy after it has sent many requests at once. */
const busyForMs = 50;

/** How many clients of the queue may read in one round of the event loop. */
export const readsATurn = 4;

export interface TurnTaker {
  /**
   * Answers until the turn is over. Queues itself again when more is left.
   * @returns whether it reads now, which takes its time later.
   */
  takeTurn(): boolean;
}

export class Turns {
  /** Monotonic milliseconds. */
  readonly #now: () => number;
  readonly #queue = new Set<TurnTaker>();
  /** When isOver() looked at the clock. */
  lookedAtMs = 0;
  /** When the current turn ends; 0: the clock hasn't been read in it yet. */
  #endMs = 0;
  /** Whether a busy client has had its turn in this round of the event loop. */
  #taken = false;
  #scheduled = false;

  constructor(now: () => number = () => systemClock.monotonicMs()) {
    this.#now = now;
  }

  /** Clients that wait for their turn. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Begins a turn outside of the queue. */
  begin(): void {
    this.#endMs = 0;
  }

  /** Whether the current turn is over. Its time counts from the first call, so that begin() is cheap. */
  isOver(): boolean {
    const nowMs = this.#now();
    this.lookedAtMs = nowMs;
    if (this.#endMs === 0) {
      this.#endMs = nowMs + turnMs;
    }
    return nowMs >= this.#endMs;
  }

  /** @returns whether a client that was busy at that time must queue with what it sends now. */
  mustQueue(busyMs: number): boolean {
    if (this.#now() - busyMs > busyForMs) {
      return false;
    }
    if (this.#taken || this.#queue.size > 0) {
      return true;
    }
    this.#taken = true;
    this.#schedule();
    return false;
  }

  /** Puts the client at the end of the queue. */
  queue(client: TurnTaker): void {
    this.#queue.delete(client);
    this.#queue.add(client);
    this.#schedule();
  }

  leave(client: TurnTaker): void {
    this.#queue.delete(client);
  }

  #schedule(): void {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#run());
    }
  }

  /** Gives the whole queue the time of one turn. The client that has waited longest is first. */
  #run(): void {
    this.#scheduled = false;
    this.#taken = false;
    this.begin();
    let reads = 0;
    // A client that queues again goes to the end of the set: the loop comes to it once more.
    for (const client of this.#queue) {
      if (this.isOver() || reads === readsATurn) {
        this.#schedule();
        return;
      }
      this.#queue.delete(client);
      reads += client.takeTurn() ? 1 : 0;
    }
  }
}
