/**
 * One connection to a tlsmgr:
 *
 *     connecting -> greeting -> identifying -> open -> closed
 *
 * `greeting` waits for the announcement, if there is to be one; `identifying`
 * finds out who serves. Every state can go over to `closed`. Once it is open,
 * each reply is that of the request sent longest ago.
 *
 * A connection that answers nothing fails when the longest deadline of the calls
 * that wait is over, counted from the last reply: calls that are made meanwhile
 * don't put that off. A call alone that is over leaves its reply to be skipped.
 */
import type { Socket } from 'node:net';
import { type ErrorCode, TlsmgrError } from '../errors.ts';
import { Decoder } from '../protocol/decoder.ts';
import { announcementName, announcementValue } from '../protocol/names.ts';
import { connectReason, connectToPath } from '../system/socket-path.ts';
import type { PendingCall } from './call.ts';
import { Identification, type Identity, stranger } from './identification.ts';
import { Reply } from './reply.ts';

export interface Place {
  /** Path of the UNIX-domain socket. */
  socketPath: string;
  /** Whether the server speaks first. */
  announcement: boolean;
}

export interface ConnectionEvents {
  opened(identity: Identity): void;
  /** At least one request has been answered. */
  answered(): void;
  /** It is closed, by whatever has happened; calls that were sent are the listener's to end. */
  failed(error: TlsmgrError, unanswered: readonly PendingCall[]): void;
  /** The calls that aren't sent yet. */
  waiting(): readonly PendingCall[];
}

export type ConnectionState = 'connecting' | 'greeting' | 'identifying' | 'open' | 'closed';

const greeting = Buffer.from(`${announcementName}\0${announcementValue}\0\0`);

/** Longer than any reply: a page of a listing, or a large session. */
const maxReplyBytes = 64 * 1024 * 1024;

/** So much later than the calls' own deadlines, which say how long was waited. */
const graceMs = 10;

/** The daemon logs a warning of clients that say nothing for 10 s. */
const longestOpeningMs = 9000;

interface Failure {
  code?: ErrorCode;
  cause?: Error;
  /** The call whose reply was wrong. */
  answered?: PendingCall | undefined;
}

export class ClientConnection {
  readonly #place: Place;
  readonly #events: ConnectionEvents;
  readonly #silenceMs: number;
  readonly #socket: Socket;
  readonly #decoder = new Decoder(maxReplyBytes);
  readonly #reply = new Reply(this.#decoder);
  readonly #identification = new Identification();
  #state: ConnectionState = 'connecting';
  /** Bytes of the announcement that have come. */
  #greeted = 0;
  /** Sent, in this order. */
  #sent: PendingCall[] = [];
  #limit: NodeJS.Timeout | undefined;
  readonly #startedMs = performance.now();
  /** When a reply came last, or the first of what is waited for was sent. */
  #progressMs = this.#startedMs;

  /** @param silenceMs how long nothing may come, where no call waits longer. */
  constructor(place: Place, silenceMs: number, events: ConnectionEvents) {
    this.#place = place;
    this.#events = events;
    this.#silenceMs = silenceMs;
    const socket = connectToPath(place.socketPath);
    this.#socket = socket;
    this.#watch();
    // A call keeps the process alive by its timer, an idle connection doesn't.
    socket.unref();
    socket.on('connect', () => this.#connected());
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('error', (error) => this.#fail(connectReason(error), { cause: error }));
    socket.on('end', () => this.#fail('connection closed'));
    socket.on('close', () => this.#fail('connection closed'));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Requests without a reply, also of calls that are over. */
  get unanswered(): number {
    return this.#sent.length;
  }

  /** Sends the requests of calls, in one write. */
  send(calls: readonly PendingCall[]): void {
    const requests = calls.map((call) => call.takeRequest());
    const bytes = requests.length === 1 ? requests[0]! : Buffer.concat(requests);
    if (requests.length > 1) {
      for (const request of requests) {
        request.fill(0);
      }
    }
    if (this.#sent.length === 0) {
      this.#progressMs = performance.now();
    }
    this.#sent.push(...calls);
    this.#watch();
    this.#socket.write(bytes, () => bytes.fill(0));
  }

  close(): void {
    this.#state = 'closed';
    clearTimeout(this.#limit);
    this.#decoder.reset();
    this.#socket.destroy();
  }

  #connected(): void {
    this.#state = 'greeting';
    if (!this.#place.announcement) {
      this.#identify();
    }
  }

  #identify(): void {
    this.#state = 'identifying';
    this.#socket.write(Identification.opening);
  }

  #received(chunk: Buffer): void {
    if (this.#state === 'greeting' && !this.#isGreeting(chunk)) {
      this.#fail(stranger);
      return;
    }
    const before = this.#sent.length;
    this.#decoder.push(chunk);
    let found = this.#decoder.next();
    while (found === 'list' && this.#state !== 'closed') {
      this.#understand();
      found = this.#decoder.next();
    }
    if (this.#state !== 'closed') {
      if (found === 'too-long') {
        this.#fail('the reply is too long');
      } else {
        this.#decoder.keepRest();
      }
    }
    chunk.fill(0);
    if (this.#sent.length < before && this.#state === 'open') {
      this.#events.answered();
    }
  }

  /** One list has come. */
  #understand(): void {
    this.#progressMs = performance.now();
    try {
      if (this.#state === 'open') {
        const call = this.#sent.shift();
        const fault =
          call === undefined
            ? 'the server sent more than was asked for'
            : call.answer(this.#reply)?.message;
        if (fault !== undefined) {
          this.#fail(fault, { answered: call });
        }
      } else {
        this.#getAcquainted();
      }
    } catch (thrown) {
      if (!(thrown instanceof TlsmgrError)) {
        throw thrown;
      }
      this.#fail(stranger, { cause: thrown });
    }
  }

  #getAcquainted(): void {
    if (this.#state === 'greeting') {
      this.#identify();
      return;
    }
    if (this.#reply.names[0] === announcementName) {
      this.#fail('it speaks first, which the programs of this Postfix take for an answer');
      return;
    }
    const next = this.#identification.next(this.#reply);
    if (next === 'stranger') {
      this.#fail(stranger);
    } else if (next !== 'wait') {
      if ('send' in next) {
        this.#socket.write(next.send);
      } else {
        this.#state = 'open';
        this.#events.opened(next.identity);
      }
    }
  }

  /** Compared byte by byte: the first words of another service may have no end. */
  #isGreeting(chunk: Buffer): boolean {
    const part = greeting.subarray(this.#greeted, this.#greeted + chunk.length);
    this.#greeted += part.length;
    return part.equals(chunk.subarray(0, part.length));
  }

  /** Looks after silence, as long as something is to come. */
  #watch(): void {
    this.#limit ??= setTimeout(() => this.#look(), this.#silenceMs).unref();
  }

  #look(): void {
    this.#limit = undefined;
    const isOpen = this.#state === 'open';
    if (this.#state === 'closed' || (isOpen && this.#sent.length === 0)) {
      return;
    }
    const untilMs = isOpen ? this.#answerUntilMs() : this.#openUntilMs();
    const nowMs = performance.now();
    if (nowMs >= untilMs + graceMs) {
      const fromMs = isOpen ? this.#progressMs : this.#startedMs;
      const reason = `no answer within ${Math.round(nowMs - fromMs)} ms`;
      this.#fail(reason, { code: 'DEADLINE' });
    } else {
      const leftMs = Math.ceil(untilMs + graceMs - nowMs);
      this.#limit = setTimeout(() => this.#look(), leftMs).unref();
    }
  }

  /** As long as any call waits for the server, who may be about to start. */
  #openUntilMs(): number {
    const waiting = this.#events.waiting();
    const untilMs = waiting.reduce(
      (ms, call) => Math.max(ms, call.untilMs),
      this.#progressMs + this.#silenceMs,
    );
    return Math.min(untilMs, this.#startedMs + longestOpeningMs);
  }

  #answerUntilMs(): number {
    const live = [...this.#sent, ...this.#events.waiting()].filter((call) => !call.isOver);
    const longestMs = live.reduce((ms, call) => Math.max(ms, call.deadlineMs), this.#silenceMs);
    return this.#progressMs + longestMs;
  }

  #fail(reason: string, { code = 'UNAVAILABLE', cause, answered }: Failure = {}): void {
    if (this.#state === 'closed') {
      return;
    }
    const unanswered = answered === undefined ? this.#sent : [answered, ...this.#sent];
    this.#sent = [];
    this.close();
    const error = new TlsmgrError(code, `${this.#place.socketPath}: ${reason}`, { cause });
    this.#events.failed(error, unanswered);
  }
}
