/**
 * One destination of the log. A small queue keeps messages while the reader is
 * slow or away. Logging never waits and never fails. When the queue is full, the
 * oldest message is dropped, and the next line that is sent says how many were
 * lost.
 *
 * The order of messages is kept. A reader that is away is tried at most once a
 * second.
 */
import type { Clock } from '../system/clock.ts';
import { after, type Timer } from '../system/timers.ts';
import type { Channel } from './channel.ts';
import type { Severity } from './logger.ts';

/** Makes the message of one line; called when the line is logged, for the time in it. */
export type LineFormat = (severity: Severity, text: string) => Buffer;

/** Calls `task` once after so many seconds, as timers.ts does. */
export type Schedule = (seconds: number, task: () => void) => Timer;

export interface OutletOptions {
  channel: Channel;
  format: LineFormat;
  clock: Clock;
  /** What the channel is called in the line about lost messages. */
  name: string;
  schedule?: Schedule | undefined;
  /** Most messages that wait. */
  queueLimit?: number | undefined;
}

const defaultQueueLimit = 512;
const reconnectMs = 1000;
const shortestRetryMs = 20;
const longestRetryMs = 1000;
const drainStepMs = 10;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

export class Outlet {
  /** May be changed. Lines that wait already keep their old format. */
  format: LineFormat;
  readonly channel: Channel;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #schedule: Schedule;
  readonly #queueLimit: number;
  readonly #queue: Buffer[] = [];
  /** The line about lost messages, while it is partly sent. */
  #lossLine: Buffer | undefined;
  /** How many it speaks of; more may have been lost since. */
  #lossLineCount = 0;
  #lost = 0;
  #connectAtMs = -Infinity;
  #retryMs = shortestRetryMs;
  #timer: Timer | undefined;
  #retired = false;

  /** Connects at once, so that the connection can outlive a chroot. */
  constructor(options: OutletOptions) {
    this.channel = options.channel;
    this.format = options.format;
    this.#clock = options.clock;
    this.#name = options.name;
    this.#schedule = options.schedule ?? after;
    this.#queueLimit = options.queueLimit ?? defaultQueueLimit;
    this.#connect(false);
  }

  /** Messages that have not left yet. */
  get pending(): number {
    return this.#queue.length + (this.#lost > 0 || this.#lossLine !== undefined ? 1 : 0);
  }

  post(severity: Severity, text: string): void {
    this.#queue.push(this.format(severity, text));
    this.#flush(false);
    if (this.#queue.length > this.#queueLimit) {
      const partlySent = this.channel.midway && this.#lossLine === undefined;
      this.#queue.splice(partlySent ? 1 : 0, 1);
      this.#lost += 1;
    }
  }

  /**
   * Blocks until all waiting messages are sent, or the limit is reached: for the
   * end of the process. It waits for a slow reader. It waits for a reader that is
   * away only with `awaitReader`. @returns false when something is left.
   */
  drainNow(limitMs: number, awaitReader: boolean): boolean {
    this.#flush(true);
    for (let leftMs = limitMs; this.pending > 0 && leftMs > 0; leftMs -= drainStepMs) {
      if (!this.channel.connected && !awaitReader) {
        break;
      }
      Atomics.wait(sleeper, 0, 0, Math.min(drainStepMs, leftMs));
      this.#flush(true);
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
    this.#queue.length = 0;
    this.#lossLine = undefined;
    this.#lost = 0;
    this.channel.close();
  }

  #flush(insist: boolean): void {
    let mayInsist = insist;
    while (this.pending > 0) {
      if (!this.channel.connected) {
        if (!this.#connect(mayInsist)) {
          break;
        }
        mayInsist = false;
      }
      if (!this.#sendOne()) {
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
  #sendOne(): boolean {
    const outcome = this.channel.send(this.#next());
    if (outcome === 'sent' || outcome === 'refused') {
      this.#retryMs = shortestRetryMs;
      this.#finished();
      return true;
    }
    if (!this.channel.midway) {
      this.#lossLine = undefined;
    }
    return outcome === 'away';
  }

  #next(): Buffer {
    if (this.#lossLine === undefined && this.#lost > 0 && !this.channel.midway) {
      this.#lossLine = this.format('warning', lossText(this.#lost, this.#name));
      this.#lossLineCount = this.#lost;
    }
    return this.#lossLine ?? this.#queue[0]!;
  }

  #finished(): void {
    if (this.#lossLine === undefined) {
      this.#queue.shift();
    } else {
      this.#lossLine = undefined;
      this.#lost -= this.#lossLineCount;
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

  #arm(): void {
    if (this.#timer !== undefined || this.pending === 0) {
      return;
    }
    let waitMs = this.#connectAtMs - this.#clock.monotonicMs();
    if (this.channel.connected) {
      waitMs = this.#retryMs;
      this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs);
    }
    this.#timer = this.#schedule(Math.max(waitMs, shortestRetryMs) / 1000, () => {
      this.#timer = undefined;
      this.#flush(false);
    });
  }
}

function lossText(count: number, name: string): string {
  const messages = count === 1 ? '1 message was' : `${count} messages were`;
  return `${messages} lost here: ${name} did not take them in time`;
}
