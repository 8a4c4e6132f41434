/**
 * Notices clients that get the wrong announcement, which looks like a broken
 * network from their side.
 *
 * - A client of Postfix 3.4 or 3.5 takes an announcement for the reply to its
 *   request: it closes at once, sleeps a second, and does so once more.
 * - A client of Postfix 3.6 and later waits for an announcement, for an hour.
 *
 * Either gets one log line, at most once an hour, that says what it probably is.
 * Source of the behaviour: src/util/attr_clnt.c, auto_clnt.c.
 */
import type { Clock } from '../system/clock.ts';

/** A connection that is closed within this time of its opening may be abandoned. */
const abandonedWithinMs = 500;

/** The client sleeps for a second; a busy host adds to it. */
const shortestPauseMs = 990;
const longestPauseMs = 1400;

/** No usual client connects and then sends nothing for so long. */
const silentMs = 10_000;

const toldAgainMs = 3_600_000;

/** How many abandoned connections are remembered. */
const remembered = 16;

export class AnnouncementWatch {
  readonly #clock: Clock;
  readonly #tell: (text: string) => void;
  #toldMs = Number.NEGATIVE_INFINITY;
  /** When the last abandoned connections were closed. */
  readonly #abandonedMs = new Float64Array(remembered).fill(Number.NEGATIVE_INFINITY);
  #next = 0;
  readonly #silent = new Map<object, number>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(clock: Clock, tell: (text: string) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /**
   * Call it when a client got an announcement, asked only for a seed, and closed.
   * A process of Postfix asks for a seed first. With the wrong announcement it gets
   * no further, and goes on without TLS. Our own verbs and most scripts ask for
   * something else.
   */
  closedAfterSeed(openedMs: number): void {
    const nowMs = this.nowMs();
    if (nowMs - openedMs > abandonedWithinMs) {
      return;
    }
    const again = this.#abandonedMs.some((closedMs) => {
      const pauseMs = openedMs - closedMs;
      return pauseMs >= shortestPauseMs && pauseMs <= longestPauseMs;
    });
    this.#abandonedMs[this.#next] = nowMs;
    this.#next = (this.#next + 1) % remembered;
    if (again) {
      this.#tellOnce(
        'a client closed its connection at once after the announcement, twice: probably one of Postfix 3.4 or 3.5; for those set tlsmgr_protocol_announcement = no',
      );
    }
  }

  /** Call it when a client has connected that gets no announcement. */
  openedSilently(connection: object): void {
    this.#silent.set(connection, this.nowMs());
    this.#sweeper ??= setInterval(() => this.sweep(), silentMs).unref();
  }

  /** Call it when that client has sent something, or is gone. */
  forget(connection: object): void {
    this.#silent.delete(connection);
    if (this.#silent.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
  }

  /** Looks for clients that have sent nothing. */
  sweep(): void {
    const longAgoMs = this.nowMs() - silentMs;
    for (const openedMs of this.#silent.values()) {
      if (openedMs <= longAgoMs) {
        this.#tellOnce(
          'a client has connected and says nothing: probably one of Postfix 3.6 or later, waiting for an announcement; for those set tlsmgr_protocol_announcement = yes',
        );
        return;
      }
    }
  }

  #tellOnce(text: string): void {
    const nowMs = this.nowMs();
    if (nowMs - this.#toldMs >= toldAgainMs) {
      this.#toldMs = nowMs;
      this.#tell(text);
    }
  }
}
