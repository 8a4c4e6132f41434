/**
 * One call of the client's user, from the moment it is made until it is over:
 * answered, failed, past its deadline, or aborted. Its timer keeps the process
 * alive; nothing else of the client does.
 */
import { TlsmgrError } from '../errors.ts';
import { unwatchAbort, watchAbort } from './abort-watch.ts';
import type { Identity } from './identification.ts';
import type { Reply } from './reply.ts';

/** What each call takes as its last argument. */
export interface CallOptions {
  /** Ends the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds, counted from the call. Default: the client's. */
  deadlineMs?: number | undefined;
}

/** What is asked, and how its reply is read. */
export interface Question<T> {
  /** The name of the request. */
  name: string;
  /** The cache that it is about. */
  cache: string | undefined;
  /** The encoded request, which is overwritten when it is not needed any more. */
  request: Buffer;
  /** Whether Postfix's own tlsmgr doesn't know it, or would log a warning. */
  oursOnly: boolean;
  /** Throws TlsmgrError `REFUSED` for a status that the call has no value for. */
  read(reply: Reply): T;
}

/** The question that needs no request: who serves. */
export const whoServes = 'who serves';

/** A call as a connection sees it. */
export interface PendingCall {
  readonly oursOnly: boolean;
  readonly deadlineMs: number;
  /** Of performance.now(). */
  readonly untilMs: number;
  readonly isOver: boolean;
  readonly isSent: boolean;
  /** Of the question `whoServes`: there is nothing to send. */
  readonly isIdentification: boolean;
  /** The request, which the caller now has to send and to overwrite. */
  takeRequest(): Buffer;
  /** @returns what is wrong with a reply that can't be understood. */
  answer(reply: Reply): TlsmgrError | undefined;
  /** For `whoServes`. */
  tell(identity: Identity): void;
  fail(error: TlsmgrError): void;
}

export interface CallLimits {
  socketPath: string;
  deadlineMs: number;
  signal: AbortSignal | undefined;
  /** Called once, at the end. */
  ended(call: PendingCall, end: CallEnd): void;
}

/** How a call ended: with what the server says, by its signal, or with what went wrong on the way. */
export type CallEnd = 'answered' | 'aborted' | TlsmgrError;

export class Call<T> implements PendingCall {
  readonly promise: Promise<T>;
  readonly deadlineMs: number;
  readonly untilMs: number;
  readonly oursOnly: boolean;
  readonly isIdentification: boolean;
  #isOver = false;
  #isSent = false;
  #request: Buffer | undefined;
  readonly #read: ((reply: Reply) => T) | undefined;
  readonly #limits: CallLimits;
  readonly #timer: NodeJS.Timeout;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;

  constructor(question: Question<T> | typeof whoServes, limits: CallLimits) {
    const isAsked = question !== whoServes;
    this.#request = isAsked ? question.request : undefined;
    this.#read = isAsked ? (reply) => question.read(reply) : undefined;
    this.isIdentification = !isAsked;
    this.oursOnly = isAsked && question.oursOnly;
    this.#limits = limits;
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.deadlineMs = limits.deadlineMs;
    this.untilMs = performance.now() + this.deadlineMs;
    // A signal that isn't one throws here, before there is a timer.
    if (limits.signal !== undefined) {
      watchAbort(limits.signal, this.#abort);
    }
    this.#timer = setTimeout(this.#expire, this.deadlineMs);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isSent(): boolean {
    return this.#isSent;
  }

  takeRequest(): Buffer {
    const request = this.#request!;
    this.#request = undefined;
    this.#isSent = true;
    return request;
  }

  answer(reply: Reply): TlsmgrError | undefined {
    if (this.#isOver) {
      return undefined;
    }
    let value: T;
    try {
      value = this.#read!(reply);
    } catch (thrown) {
      if (thrown instanceof TlsmgrError && thrown.code === 'UNAVAILABLE') {
        return thrown;
      }
      this.#end('answered');
      this.#reject(thrown);
      return undefined;
    }
    this.#end('answered');
    this.#resolve(value);
    return undefined;
  }

  tell(identity: Identity): void {
    if (!this.#isOver) {
      this.#end('answered');
      this.#resolve(identity as T);
    }
  }

  fail(error: TlsmgrError): void {
    if (!this.#isOver) {
      this.#end(error);
      this.#reject(error);
    }
  }

  readonly #expire = (): void => {
    const waitedMs = Math.ceil(this.deadlineMs);
    const text = `${this.#limits.socketPath}: no answer within ${waitedMs} ms`;
    this.fail(new TlsmgrError('DEADLINE', text));
  };

  readonly #abort = (): void => {
    if (!this.#isOver) {
      this.#end('aborted');
      this.#reject(this.#limits.signal!.reason);
    }
  };

  #end(end: CallEnd): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    if (this.#limits.signal !== undefined) {
      unwatchAbort(this.#limits.signal, this.#abort);
    }
    this.#request?.fill(0);
    this.#request = undefined;
    this.#limits.ended(this, end);
  }
}
