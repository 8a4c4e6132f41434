/**
 * One client. Its bytes become lists, and each list gets a reply, in the order
 * of the requests. All replies of one turn leave in one write.
 *
 * No client can make another wait. A half-sent request waits here, within
 * limits of size and time. While a client doesn't read its replies, nothing
 * more is read from it. A request that is answered later holds up only those
 * behind it on its own connection. A client that sends many requests at once
 * waits for its turns (turns.ts).
 */
import { messageOf } from '../errors.ts';
import { refuseList } from '../requests/dispatcher.ts';
import type { WriteReply } from '../requests/request-type.ts';
import { Decoder } from '../protocol/decoder.ts';
import { tellEndWithin, tellTooLong, tellUnfinished, tellUnreadReplies } from './complaints.ts';
import { type ConnectionState, owes } from './connection-state.ts';
import type { Client, SocketServer } from './socket-server.ts';
import type { Transport, TransportEvents } from './transport.ts';
import { isBareString, isWakeup } from './trigger.ts';

/** Replies are sent when they reach this size, even if there are more requests to answer. */
const batchBytes = 64 * 1024;

/** How many requests of a turn are answered between two looks at the clock; a power of two. */
const clockedOneIn = 16;

/** If more than this of an incomplete request has come, its rest is read in turns. */
const pacedBytes = 16 * 1024;

export class Connection implements TransportEvents, Client {
  stalledSinceMs = 0;
  active = true;
  place = 0;
  readonly #server: SocketServer;
  readonly #transport: Transport;
  readonly #decoder: Decoder;
  #state: ConnectionState = 'serving';
  /** A request that is answered later. `write` is set when its answer is there. */
  #late: { write: WriteReply | undefined } | undefined;
  /** Whether the transport reads. */
  #reading = true;
  /** The client sends no more. */
  #ended = false;
  #watched = false;
  /** The bytes that the server counts for this connection, unsent replies among them. */
  #heldBytes = 0;
  #unsentBytes = 0;
  /** When the client last had many requests to answer; 0: never. */
  #busyMs = 0;
  /** What the client has asked so far: nothing, one seed, or more than that. */
  #asked: 'nothing' | 'seed' | 'more' = 'nothing';
  readonly #openedMs: number;

  constructor(transport: Transport, server: SocketServer) {
    this.#server = server;
    this.#transport = transport;
    this.#decoder = new Decoder(server.maxRequestBytes);
    server.opened(this, transport.descriptor);
    const { announcement, announcements } = server;
    this.#openedMs = announcements.nowMs();
    if (announcement === undefined) {
      announcements.openedSilently(this);
    } else {
      server.replies.list(announcement);
      this.#sendReplies();
      this.#settle(false);
    }
  }

  get state(): ConnectionState {
    return this.#state;
  }

  received(chunk: Buffer, length: number): void {
    if (this.#isOver()) {
      return;
    }
    this.active = true;
    const server = this.#server;
    if (this.#asked === 'nothing') {
      server.announcements.forget(this);
    }
    const { serviceTimes, turns } = server;
    const beganMs = serviceTimes.begin();
    try {
      this.#decoder.push(chunk, length);
      if (this.#state === 'serving' && this.#busyMs !== 0) {
        this.#serveOrQueue();
      }
      turns.begin();
      this.#answer();
    } catch (thrown) {
      this.#fault(thrown);
    }
    if (beganMs !== 0) {
      serviceTimes.end(beganMs);
    }
  }

  receivedEnd(): void {
    this.#ended = true;
    this.#guarded(() => this.#settle(false));
  }

  takeTurn(): boolean {
    const { state } = this;
    if (state === 'queued') {
      this.#state = 'serving';
      this.#guarded(() => this.#answer());
    } else if (state === 'paced') {
      this.#state = 'serving';
      this.#guarded(() => this.#settle(false));
    }
    return state === 'paced';
  }

  drained(): void {
    if (this.#state !== 'sending') {
      return;
    }
    this.#unsentBytes = 0;
    if (this.#late === undefined) {
      this.#serveOrQueue();
    } else {
      this.#state = 'waiting';
    }
    this.#goOn();
  }

  closed(): void {
    if (this.#state === 'closed') {
      return;
    }
    const server = this.#server;
    this.#state = 'closed';
    this.#late = undefined;
    this.#decoder.reset();
    if (this.#asked === 'seed' && server.announcement !== undefined) {
      server.announcements.closedAfterSeed(this.#openedMs);
    }
    server.closed(this, this.#heldBytes);
  }

  /** The time limit is reached. */
  giveUp(): void {
    if (this.#state === 'sending' || this.#state === 'closing') {
      tellUnreadReplies(this.#server);
    } else {
      tellUnfinished(this.#server, this.#decoder);
    }
    this.#close();
  }

  makeRoom(): void {
    this.#close();
  }

  /** Whether everything that the client sends is ignored from now on. */
  #isOver(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }

  /** Runs a task. If it throws, this connection is closed, and the server goes on. */
  #guarded(task: () => void): void {
    try {
      task();
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  #fault(thrown: unknown): void {
    this.#server.replies.clear();
    this.#server.warn('connection fault', () => {
      return `connection of ${this.#server.peer} closed after a fault: ${messageOf(thrown)}`;
    });
    this.#close();
  }

  /** Answers the requests that the decoder holds, until the turn is over. */
  #answer(): void {
    const answered = this.#answerLists();
    this.#sendReplies();
    if (!this.#isOver()) {
      this.#decoder.keepRest();
    }
    if (this.#state === 'serving' && this.#decoder.pendingBytes >= pacedBytes) {
      this.#queue('paced');
    }
    // A request that is answered later is answered by #replyLate().
    if (answered > (this.#late === undefined ? 0 : 1)) {
      this.#server.answered();
    }
    this.#settle(answered > 0);
  }

  /** @returns how many requests were taken. All of them are answered, except one that is answered later. */
  #answerLists(): number {
    const decoder = this.#decoder;
    const { replies, dispatcher } = this.#server;
    let answered = 0;
    while (this.#state === 'serving') {
      const found = decoder.next();
      if (found === 'too-long') {
        this.#refuseTooLong();
        break;
      }
      if (isWakeup(decoder)) {
        this.#wakeUp();
        break;
      }
      if (found === 'nothing') {
        if (isBareString(decoder)) {
          refuseList(replies);
          decoder.reset();
        }
        break;
      }
      answered += 1;
      const later = dispatcher.answer(decoder, replies);
      const request = dispatcher.answered;
      if (this.#asked !== 'more') {
        this.#asked = this.#asked === 'nothing' && request?.name === 'seed' ? 'seed' : 'more';
      }
      if (later !== undefined) {
        void this.#answerLater(later);
        break;
      }
      const full = replies.length >= batchBytes;
      if (full) {
        this.#sendReplies();
      }
      const costly = request?.costly === true;
      if (costly || (answered & (clockedOneIn - 1)) === 0 || (full && decoder.pendingBytes > 0)) {
        this.#endTurnWhenOver(costly);
      }
      if (decoder.pendingBytes === 0) {
        break;
      }
    }
    return answered;
  }

  /** Ends the turn of a client that has used its time. Its other requests wait in the queue. */
  #endTurnWhenOver(costly: boolean): void {
    const { turns } = this.#server;
    const over = turns.isOver();
    this.#busyMs = turns.lookedAtMs;
    if ((over || costly) && this.#state === 'serving' && this.#decoder.pendingBytes > 0) {
      this.#queue();
    }
  }

  /** Puts a client that was busy lately behind other busy clients. */
  #serveOrQueue(): void {
    if (this.#busyMs !== 0 && this.#server.turns.mustQueue(this.#busyMs)) {
      this.#queue();
    } else {
      this.#state = 'serving';
    }
  }

  #queue(state: 'queued' | 'paced' = 'queued'): void {
    this.#state = state;
    this.#server.turns.queue(this);
  }

  #sendReplies(): void {
    const { replies } = this.#server;
    if (replies.length > 0 && !this.#isOver()) {
      if (!this.#transport.write(replies.buffer, replies.length)) {
        this.#state = 'sending';
        this.#unsentBytes = replies.buffer.length;
        replies.giveAway();
        return;
      }
    }
    replies.clear();
  }

  async #answerLater(later: Promise<WriteReply>): Promise<void> {
    this.#state = 'waiting';
    const late: { write: WriteReply | undefined } = { write: undefined };
    this.#late = late;
    const write = await later;
    if (this.#late !== late) {
      // Closed meanwhile.
      return;
    }
    late.write = write;
    // In the state `sending` earlier replies go first; drained() goes on after them.
    if (this.#state === 'waiting') {
      this.#goOn();
    }
  }

  /** Goes on after a wait: writes the answer that has come, then answers what was read meanwhile. */
  #goOn(): void {
    this.#guarded(() => {
      this.#server.turns.begin();
      this.#replyLate();
      this.#answer();
    });
  }

  #replyLate(): void {
    const write = this.#late?.write;
    if (write === undefined) {
      return;
    }
    this.#late = undefined;
    this.#state = 'serving';
    write(this.#server.replies);
    this.#sendReplies();
    this.#server.answered();
    // Many answers that come quickly must not block the event loop.
    if (this.#state === 'serving' && this.#decoder.pendingBytes > 0) {
      this.#queue();
    }
  }

  /**
   * Runs at the end of each event. Ends the connection once all is answered, starts or
   * stops reading, and tells the server whether it is stalled and how much it holds.
   * @param progress whether the client has just finished a request.
   */
  #settle(progress: boolean): void {
    if (this.#isAtRest()) {
      return;
    }
    if (this.#ended && this.#state === 'serving') {
      tellEndWithin(this.#server, this.#decoder);
      this.#end();
    }
    const state = this.#state;
    if (state === 'closed') {
      return;
    }
    const reading = state === 'serving';
    if (reading !== this.#reading) {
      this.#reading = reading;
      if (reading) {
        this.#transport.resume();
      } else {
        this.#transport.pause();
      }
    }
    const late = owes(state, this.#decoder.pendingBytes);
    if (late && (!this.#watched || progress)) {
      this.stalledSinceMs = performance.now();
      this.#watched = true;
      this.#server.watch(this);
    } else if (!late && this.#watched) {
      this.#watched = false;
      this.#server.unwatch(this);
    }
    const heldBytes = this.#decoder.heldBytes + this.#unsentBytes;
    const more = heldBytes - this.#heldBytes;
    if (more !== 0) {
      this.#heldBytes = heldBytes;
      this.#server.hold(more);
    }
  }

  /** Whether nothing is under way, as between two requests. Most reads end so. */
  #isAtRest(): boolean {
    return (
      this.#state === 'serving' &&
      this.#reading &&
      !this.#ended &&
      !this.#watched &&
      this.#heldBytes === 0 &&
      this.#decoder.pendingBytes === 0
    );
  }

  #refuseTooLong(): void {
    tellTooLong(this.#server);
    this.#sendReplies();
    this.#close();
  }

  #wakeUp(): void {
    this.#server.wokenUp();
    this.#sendReplies();
    this.#end();
  }

  /** Closes when all replies are sent. The connection counts as open until the transport has closed. */
  #end(): void {
    this.#state = 'closing';
    this.#decoder.reset();
    this.#transport.end();
  }

  #close(): void {
    this.#transport.destroy();
    this.closed();
  }
}
