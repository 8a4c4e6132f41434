/**
 * One client: its bytes to lists, lists to replies, replies back in the order
 * of the requests. All requests that a read brings are answered with one write.
 *
 * No client can make another wait. A half-sent request waits here, within
 * limits of size and time; while a client doesn't read its replies, nothing
 * more is read from it; a request that is answered later holds up only those
 * behind it on its own connection.
 */
import { messageOf } from '../errors.ts';
import { refuseList } from '../requests/dispatcher.ts';
import type { WriteReply } from '../requests/request-type.ts';
import { Decoder } from '../protocol/decoder.ts';
import type { Client, Service } from './service.ts';
import type { Transport, TransportEvents } from './transport.ts';
import { isBareString, isWakeup } from './trigger.ts';

/** Replies are sent when they amount to this, though there are more requests to answer. */
const batchBytes = 64 * 1024;

export class Connection implements TransportEvents, Client {
  stalledSinceMs = 0;
  active = true;
  place = 0;
  readonly #service: Service;
  readonly #transport: Transport;
  readonly #decoder: Decoder;
  /** A request is being answered later. */
  #waiting = false;
  /** What was answered later, while replies before it had not been sent whole. */
  #lateReply: WriteReply | undefined;
  /** Replies have not been sent whole. */
  #blocked = false;
  /** Reading is paused for one of these two. */
  #paused = false;
  #ended = false;
  #closed = false;
  #watched = false;
  /** Requests answered, up to two. */
  #answers = 0;
  readonly #openedMs: number;

  constructor(transport: Transport, service: Service) {
    this.#service = service;
    this.#transport = transport;
    this.#decoder = new Decoder(service.maxRequestBytes);
    service.opened(this);
    service.trace?.('connection established');
    const { announcement, announcements } = service;
    this.#openedMs = announcements.nowMs();
    if (announcement === undefined) {
      announcements.openedSilently(this);
    } else {
      this.#send(announcement, announcement.length);
    }
  }

  received(chunk: Buffer, length: number): void {
    this.active = true;
    if (this.#answers === 0) {
      this.#service.announcements.forget(this);
    }
    const { serviceTimes } = this.#service;
    const beganMs = serviceTimes.begin();
    try {
      this.#decoder.push(chunk, length);
      this.#work();
    } catch (thrown) {
      this.#fault(thrown);
    }
    if (beganMs !== 0) {
      serviceTimes.end(beganMs);
    }
  }

  receivedEnd(): void {
    this.#ended = true;
    this.#finishWhenDone();
  }

  drained(): void {
    this.#blocked = false;
    this.#guarded(() => {
      const write = this.#lateReply;
      if (write !== undefined) {
        this.#lateReply = undefined;
        this.#replyLate(write);
        return;
      }
      this.#work();
      this.#finishWhenDone();
    });
  }

  closed(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#service.closed(this);
      this.#service.announcements.forget(this);
      if (this.#answers === 1 && this.#service.announcement !== undefined) {
        this.#service.announcements.closedAfterOne(this.#openedMs);
      }
      this.#decoder.reset();
      this.#service.trace?.('connection closed');
    }
  }

  /** The time limit is reached. */
  giveUp(): void {
    const { warn, peer, requestTimeSeconds } = this.#service;
    if (this.#blocked) {
      warn('unread replies', () => {
        return `client does not read its replies from ${peer}: closed after ${requestTimeSeconds}s (tlsmgr_request_time_limit)`;
      });
    } else {
      warn('unfinished request', () => {
        const { breaksOffInWord } = this.#decoder;
        const what = breaksOffInWord ? 'unexpected end-of-input from' : 'timeout on';
        return `${what} ${peer} while reading ${this.#partName()}: closed after ${requestTimeSeconds}s (tlsmgr_request_time_limit)`;
      });
    }
    this.#close();
  }

  makeRoom(): void {
    this.#close();
  }

  /** A fault of our own costs one connection, not the service. */
  #guarded(task: () => void): void {
    try {
      task();
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #fault(thrown: unknown): void {
    this.#service.replies.clear();
    this.#service.warn('connection fault', () => {
      return `connection of ${this.#service.peer} closed after a fault: ${messageOf(thrown)}`;
    });
    this.#close();
  }

  /** Answers what the decoder holds, as far as can be. */
  #work(): void {
    const decoder = this.#decoder;
    const { replies, dispatcher } = this.#service;
    let answered = false;
    while (!this.#waiting && !this.#blocked && !this.#closed) {
      const found = decoder.next();
      if (found === 'list') {
        if (isWakeup(decoder)) {
          this.#wakeUp();
          return;
        }
        answered = true;
        this.#answers = Math.min(this.#answers + 1, 2);
        const later = dispatcher.answer(decoder, replies);
        if (later !== undefined) {
          this.#answerLater(later);
        }
        if (replies.length >= batchBytes || later !== undefined) {
          this.#sendReplies();
        }
        continue;
      }
      if (found === 'too-long') {
        this.#refuseTooLong();
        return;
      }
      if (isWakeup(decoder)) {
        this.#wakeUp();
        return;
      }
      if (isBareString(decoder)) {
        refuseList(replies);
        decoder.reset();
      }
      break;
    }
    this.#sendReplies();
    decoder.keepRest();
    if (answered) {
      this.#service.answered();
    }
    this.#noteStall(answered);
  }

  #sendReplies(): void {
    const { replies } = this.#service;
    if (replies.length > 0 && !this.#closed) {
      this.#send(replies.buffer, replies.length);
      if (this.#blocked) {
        replies.giveAway();
        return;
      }
    }
    replies.clear();
  }

  #send(buffer: Buffer, length: number): void {
    if (!this.#transport.write(buffer, length)) {
      this.#blocked = true;
      this.#pause();
    }
  }

  #pause(): void {
    this.#paused = true;
    this.#transport.pause();
  }

  #answerLater(later: Promise<WriteReply>): void {
    this.#waiting = true;
    this.#pause();
    void this.#continueAfter(later);
  }

  async #continueAfter(later: Promise<WriteReply>): Promise<void> {
    const write = await later;
    this.#guarded(() => this.#replyLate(write));
  }

  #replyLate(write: WriteReply): void {
    if (this.#closed) {
      return;
    }
    if (this.#blocked) {
      // The replies before it are still on their way: it is next.
      this.#lateReply = write;
      return;
    }
    this.#waiting = false;
    write(this.#service.replies);
    this.#sendReplies();
    this.#work();
    this.#finishWhenDone();
  }

  /** Keeps the watch of what this client owes us; `progress`: it has just finished a request. */
  #noteStall(progress: boolean): void {
    if (this.#closed) {
      return;
    }
    const owes = this.#blocked || (!this.#waiting && this.#decoder.pendingBytes > 0);
    if (this.#paused && !this.#blocked && !this.#waiting) {
      this.#paused = false;
      this.#transport.resume();
    }
    if (owes && (!this.#watched || progress)) {
      this.stalledSinceMs = performance.now();
      this.#watched = true;
      this.#service.watch(this);
    } else if (!owes && this.#watched) {
      this.#watched = false;
      this.#service.unwatch(this);
    }
  }

  /** The client has sent its last byte: closes once everything is answered. */
  #finishWhenDone(): void {
    if (!this.#ended || this.#waiting || this.#blocked || this.#closed) {
      return;
    }
    const { stringCount, breaksOffInWord, pendingBytes } = this.#decoder;
    // C says nothing either of a request that ends just behind its name.
    if (pendingBytes > 0 && (breaksOffInWord || stringCount !== 2)) {
      const { warn, peer } = this.#service;
      const part = this.#partName();
      warn('end within a request', () => {
        return breaksOffInWord
          ? `unexpected end-of-input from ${peer} while reading ${part}`
          : `premature end-of-input on ${peer} while reading ${part}`;
      });
    }
    this.#transport.end();
    this.closed();
  }

  #partName(): string {
    return (this.#decoder.stringCount & 1) === 0 ? 'input attribute name' : 'input attribute value';
  }

  #refuseTooLong(): void {
    const { warn, peer, maxRequestBytes, counts } = this.#service;
    counts.sizeLimitHits += 1;
    warn('request too long', () => {
      return `request from ${peer} is longer than ${maxRequestBytes} bytes (tlsmgr_request_size_limit): closed`;
    });
    this.#sendReplies();
    this.#close();
  }

  #wakeUp(): void {
    this.#service.counts.wakeups += 1;
    this.#service.trace?.('received master trigger');
    this.#sendReplies();
    this.#transport.end();
    this.closed();
  }

  #close(): void {
    this.#transport.destroy();
    this.closed();
  }
}
