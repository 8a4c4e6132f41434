/**
 * The way of a client's calls to the server, over one connection at a time.
 *
 *     idle        no connection, and none is needed
 *     connecting  calls wait for a connection
 *     retrying    the same, and the one before has failed
 *     up          the server is known; calls are sent as it takes them
 *     down        the last connection has failed; the next call tries again, if the circuit lets it
 *     closing     no new calls; those under way end first
 *     closed      for good
 *
 * This tlsmgr is sent all that waits at once. Postfix's own, which answers only
 * the first of several requests, gets one at a time. When a connection fails,
 * all calls that wait fail with it, at once.
 */
import { TlsmgrError } from '../errors.ts';
import {
  Call,
  type CallOptions,
  type CallEnd,
  type PendingCall,
  type Question,
  whoServes,
} from './call.ts';
import { Circuit } from './circuit.ts';
import { ClientConnection, type Place } from './connection.ts';
import type { Identity } from './identification.ts';

export type LinkState = 'idle' | 'connecting' | 'retrying' | 'up' | 'down' | 'closing' | 'closed';

const transitions: Readonly<Record<LinkState, readonly LinkState[]>> = {
  idle: ['connecting', 'closed'],
  connecting: ['up', 'down', 'closing', 'closed'],
  up: ['idle', 'down', 'closing', 'closed'],
  retrying: ['up', 'down', 'closing', 'closed'],
  down: ['retrying', 'closed'],
  closing: ['closed'],
  closed: [],
};

export interface LinkOptions extends Place {
  deadlineMs: number;
  /** Calls that may wait at the same time. */
  maxWaiting: number;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #circuit: Circuit;
  #state: LinkState = 'idle';
  #connection: ClientConnection | undefined;
  #identity: Identity | undefined;
  /** Not sent yet, in the order of the calls. */
  #waiting: PendingCall[] = [];
  /** Calls that aren't over. */
  #live = 0;
  #isPumpDue = false;
  #trouble: TlsmgrError | undefined;
  /** Why the last connection failed. */
  #failure: TlsmgrError | undefined;
  /** Resolves what close() has promised. */
  #closed: () => void = () => {};
  #closing: Promise<void> | undefined;

  constructor(options: LinkOptions, circuit = new Circuit()) {
    this.#options = options;
    this.#circuit = circuit;
  }

  get socketPath(): string {
    return this.#options.socketPath;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Why the last call that ended had no answer; undefined if it had one. */
  get trouble(): TlsmgrError | undefined {
    return this.#trouble;
  }

  /** Rejects with TlsmgrError, or with the reason of the signal. */
  ask<T>(question: Question<T>, options: CallOptions | undefined): Promise<T> {
    return this.#call(question, options);
  }

  /** Who serves; connects if need be. */
  identify(options: CallOptions | undefined): Promise<Identity> {
    return this.#call<Identity>(whoServes, options);
  }

  /** Ends when all calls have ended; each has its deadline. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#closed = resolve;
      if (this.#live === 0) {
        this.#finish();
      } else {
        this.#move('closing');
      }
    });
    return this.#closing;
  }

  #call<T>(question: Question<T> | typeof whoServes, options: CallOptions | undefined): Promise<T> {
    const signal = options?.signal ?? undefined;
    if (signal?.aborted === true) {
      if (question !== whoServes) {
        question.request.fill(0);
      }
      return Promise.reject(signal.reason as Error);
    }
    // Nothing changes before there is a call: what is wrong with the signal is thrown here.
    const call = new Call<T>(question, {
      socketPath: this.#options.socketPath,
      deadlineMs: options?.deadlineMs ?? this.#options.deadlineMs,
      signal,
      ended: (ended, end) => this.#ended(ended, end),
    });
    this.#live += 1;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      call.fail(refusal);
      return call.promise;
    }
    this.#waiting.push(call);
    if (this.#connection === undefined) {
      this.#connect();
    } else {
      this.#pumpSoon();
    }
    return call.promise;
  }

  /** Why a call can't even wait. */
  #refusal(): TlsmgrError | undefined {
    const { socketPath, maxWaiting } = this.#options;
    const state = this.#state;
    if (state === 'closing' || state === 'closed') {
      return new TlsmgrError('CLOSED', `${socketPath}: the client is closed`);
    }
    if (this.#waiting.length + (this.#connection?.unanswered ?? 0) >= maxWaiting) {
      return new TlsmgrError('BUSY', `${socketPath}: ${maxWaiting} calls wait already`);
    }
    if (state !== 'up' && !this.#circuit.admits()) {
      const cause = this.#failure;
      const text = `${cause!.message}; it is not asked again for a while`;
      return new TlsmgrError('UNAVAILABLE', text, { cause });
    }
    return undefined;
  }

  /** Calls made in one go are sent in one write. */
  #pumpSoon(): void {
    if (!this.#isPumpDue) {
      this.#isPumpDue = true;
      queueMicrotask(() => {
        this.#isPumpDue = false;
        this.#pump();
      });
    }
  }

  /** Sends what can be sent. */
  #pump(): void {
    if (this.#identity === undefined || this.#connection === undefined) {
      return;
    }
    const isOurs = this.#identity.server === 'tlsmgr';
    const ready: PendingCall[] = [];
    const room = isOurs ? Number.POSITIVE_INFINITY : 1 - this.#connection.unanswered;
    while (this.#waiting.length > 0 && ready.length < room) {
      this.#take(this.#waiting.shift()!, isOurs, ready);
    }
    if (ready.length > 0) {
      this.#connection.send(ready);
    }
  }

  #take(call: PendingCall, isOurs: boolean, ready: PendingCall[]): void {
    if (call.isIdentification) {
      call.tell(this.#identity!);
    } else if (isOurs || !call.oursOnly) {
      ready.push(call);
    } else {
      const text = `${this.#options.socketPath}: Postfix's own tlsmgr serves here, and it knows no such request`;
      call.fail(new TlsmgrError('UNSUPPORTED', text));
    }
  }

  #connect(): void {
    this.#connection = new ClientConnection(this.#options, this.#options.deadlineMs, {
      opened: (identity) => this.#opened(identity),
      answered: () => this.#answered(),
      failed: (error, unanswered) => this.#failed(error, unanswered),
      waiting: () => this.#waiting,
    });
    this.#move(this.#state === 'down' ? 'retrying' : 'connecting');
  }

  #opened(identity: Identity): void {
    this.#identity = identity;
    this.#circuit.connected();
    if (this.#state !== 'closing') {
      this.#move('up');
    }
    this.#pump();
  }

  #answered(): void {
    this.#circuit.answered();
    this.#pump();
  }

  #failed(error: TlsmgrError, unanswered: readonly PendingCall[]): void {
    const left = [...unanswered, ...this.#waiting];
    this.#failure = error;
    const wasIdle = this.#state === 'up' && left.length === 0;
    this.#connection = undefined;
    this.#identity = undefined;
    this.#waiting = [];
    if (!wasIdle) {
      this.#circuit.failed();
    }
    if (this.#state !== 'closing') {
      this.#move(wasIdle ? 'idle' : 'down');
    }
    for (const call of left) {
      call.fail(error);
    }
  }

  #ended(call: PendingCall, end: CallEnd): void {
    this.#live -= 1;
    if (end !== 'aborted') {
      this.#trouble = end === 'answered' ? undefined : end;
    }
    if (!call.isSent) {
      const at = this.#waiting.indexOf(call);
      this.#waiting.splice(at, at < 0 ? 0 : 1);
    }
    if (this.#state === 'closing' && this.#live === 0) {
      this.#finish();
    }
  }

  #finish(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#identity = undefined;
    this.#move('closed');
    this.#closed();
  }

  #move(to: LinkState): void {
    if (!transitions[this.#state].includes(to)) {
      throw new Error(`a client that is ${this.#state} can't be ${to}`);
    }
    this.#state = to;
  }
}
