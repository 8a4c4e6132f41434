/**
 * One destination of the log. A queue keeps lines while the reader is slow or
 * away. Logging never waits and never fails. When the queue is full, the oldest
 * lines are dropped, and the next line that is sent says how many were lost.
 *
 * The order of lines is kept. A line is sent at once, or with postSoon() together
 * with those that follow it. After a refusal the outlet waits for room, and tries
 * again only with every few lines. A reader that is away is tried at most once a
 * second.
 */
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import { Backlog } from './backlog.ts';
import type { Channel } from './channel.ts';
import type { LineHead } from './line.ts';
import { LineBlock } from './line-block.ts';
import type { Severity } from './logger.ts';

/** Calls `task` once after so many seconds, as timers.ts does. */
export type Schedule = (seconds: number, task: () => void) => Timer;

export interface OutletOptions {
  channel: Channel;
  head: LineHead;
  clock: Clock;
  /** What the channel is called in the line about lost messages. */
  name: string;
  schedule?: Schedule | undefined;
  /** Most bytes of lines that wait. */
  queueLimitBytes?: number | undefined;
}

const defaultQueueLimitBytes = 8 * 1024 * 1024;
const reconnectMs = 1000;
const shortestRetryMs = 1;
const longestRetryMs = 1000;
const drainStepMs = 10;

/** A line of postSoon() waits no longer, unless the reader is slow. */
const soonMs = 2;
/** So many new lines are worth a try while nothing is taken. */
const manyLines = 256;
/** Blocks of lines that are sent in one turn of the event loop: clients have theirs too. */
const blocksAtOnce = 2;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

export class Outlet {
  /** May be changed. Lines that wait already keep their old one. */
  head: LineHead;
  readonly channel: Channel;
  readonly #clock: Clock;
  readonly #schedule: Schedule;
  readonly #backlog: Backlog;
  /** Lines since the last try. */
  #untried = 0;
  /** So many lines are worth a try. */
  #stride: number;
  /** The last try ended with a refusal. */
  #full = false;
  #awaitsRoom = false;
  #connectAtMs = -Infinity;
  #retryMs = shortestRetryMs;
  #timer: Timer | undefined;
  #retired = false;

  /** Connects at once, so that the connection can outlive a chroot. */
  constructor(options: OutletOptions) {
    const { channel, name } = options;
    this.channel = channel;
    this.#stride = channel.fewLines;
    this.head = options.head;
    this.#clock = options.clock;
    this.#schedule = options.schedule ?? after;
    this.#backlog = new Backlog(options.queueLimitBytes ?? defaultQueueLimitBytes, (lost) => {
      return LineBlock.of(this.head('warning'), lossText(lost, name), channel.terminator);
    });
    this.#connect(false);
  }

  /** Lines that have not left yet. */
  get pending(): number {
    return this.#backlog.lines;
  }

  /** @param text printable. */
  post(severity: Severity, text: string): void {
    this.#add(severity, text);
    if (!this.#full || this.#untried >= this.#stride) {
      this.#flush(false);
    }
    this.#backlog.trim();
  }

  /** As post(), for a line of many: it leaves with others, a few milliseconds later at most. */
  postSoon(severity: Severity, text: string): void {
    this.#add(severity, text);
    if (this.#untried >= this.#stride) {
      this.#flush(false);
    } else if (this.#timer === undefined && !this.#awaitsRoom) {
      this.#flushIn(soonMs);
    }
    this.#backlog.trim();
  }

  /**
   * Blocks until all waiting lines are sent, or the limit is reached: for the
   * end of the process. It waits for a slow reader. It waits for a reader that is
   * away only with `awaitReader`. @returns false when something is left.
   */
  drainNow(limitMs: number, awaitReader: boolean): boolean {
    const untilMs = performance.now() + limitMs;
    this.#flush(true);
    let leftMs = limitMs;
    while (this.pending > 0 && leftMs > 0) {
      if (!this.channel.connected && !awaitReader) {
        break;
      }
      this.#waitAndFlush(Math.min(drainStepMs, leftMs));
      leftMs = untilMs - performance.now();
    }
    return this.pending === 0;
  }

  /** Sends what waits as soon as the reader takes it, then closes. Don't post() afterwards. */
  retire(): void {
    this.#retired = true;
    this.#flush(false);
  }

  /** Gives up what waits. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#backlog.clear();
    this.channel.close();
  }

  #add(severity: Severity, text: string): void {
    this.#backlog.add(this.head(severity), text, this.channel.terminator);
    this.#untried += 1;
  }

  #flush(insist: boolean): void {
    const mostBlocks = insist ? Infinity : blocksAtOnce;
    let mayInsist = insist;
    this.#untried = 0;
    this.#full = false;
    for (let blocks = 0; this.pending > 0 && blocks < mostBlocks; blocks += 1) {
      if (!this.channel.connected) {
        if (!this.#connect(mayInsist)) {
          break;
        }
        mayInsist = false;
      }
      if (!this.#sendBlock()) {
        break;
      }
    }
    if (this.#retired && (this.pending === 0 || !this.channel.connected)) {
      this.close();
    } else {
      this.#arm();
    }
  }

  /** @returns false when nothing more can be sent now. */
  #sendBlock(): boolean {
    const block = this.#backlog.next();
    const { first } = block;
    const outcome = this.channel.send(block);
    if (outcome === 'refused') {
      block.first += 1;
    }
    if (block.first > first) {
      this.#stride = this.channel.fewLines;
      this.#retryMs = shortestRetryMs;
    } else {
      this.#stride = Math.min(this.#stride * 2, manyLines);
    }
    this.#backlog.settle(block, this.channel.midway);
    this.#full = outcome === 'full';
    return !this.#full;
  }

  #waitAndFlush(waitMs: number): void {
    const before = this.pending;
    if (this.channel.connected && this.channel.waitForRoom?.(waitMs) === true) {
      this.#flush(true);
    }
    if (this.pending === before) {
      Atomics.wait(sleeper, 0, 0, waitMs);
      this.#flush(true);
    }
  }

  #connect(insist: boolean): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#connectAtMs && !insist) {
      return false;
    }
    this.#connectAtMs = nowMs + reconnectMs;
    return this.channel.connect();
  }

  /** Sees to it that what waits is tried again. */
  #arm(): void {
    if (this.#timer !== undefined || this.#awaitsRoom || this.pending === 0) {
      return;
    }
    if (!this.channel.connected) {
      const waitMs = this.#connectAtMs - this.#clock.monotonicMs();
      this.#flushIn(Math.max(waitMs, shortestRetryMs));
    } else if (this.channel.awaitRoom === undefined) {
      this.#flushIn(this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
    } else {
      this.#awaitsRoom = true;
      this.channel.awaitRoom(() => {
        this.#awaitsRoom = false;
        this.#flush(false);
      });
    }
  }

  #flushIn(waitMs: number): void {
    this.#timer = this.#schedule(waitMs / 1000, () => {
      this.#timer = undefined;
      this.#flush(false);
    });
  }
}

function lossText(count: number, name: string): string {
  const messages = count === 1 ? '1 message was' : `${count} messages were`;
  return `${messages} lost here: ${name} did not take them in time`;
}
