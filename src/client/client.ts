/**
 * The client library: tlsmgr's service for Node programs, and all that the
 * command line and the tests use to reach a daemon.
 *
 * It connects at the first call, by itself again after a failure, and finds out
 * whether this tlsmgr serves or Postfix's own. Every call has a deadline. A
 * server that isn't there is no reason for a program to fail: a look-up is a miss
 * then, and a session isn't stored. What a program can't do without (seeds, ticket
 * keys, policies) rejects with a TlsmgrError; docs/errors.md has the codes.
 */
import { TlsmgrError } from '../errors.ts';
import type { ScopedKey } from '../tickets/scoped-key.ts';
import { isAbortReason } from './abort-watch.ts';
import type { ListedSession, Page, Policy } from './answers.ts';
import { requireCallOptions, requireClientOptions } from './arguments.ts';
import type { CallOptions, Question } from './call.ts';
import type { Identity } from './identification.ts';
import { Link, type LinkState } from './link.ts';
import {
  type CacheId,
  type CacheName,
  deleteQuestion,
  flushQuestion,
  listQuestion,
  lookupQuestion,
  policyQuestion,
  seedQuestion,
  statsQuestion,
  ticketKeyQuestion,
  ticketRingQuestion,
  updateQuestion,
} from './questions.ts';
import { isTraced, trace } from './trace.ts';

/** Where the server is, and how long it is waited for. */
export interface ClientOptions {
  /** Path of the UNIX-domain socket: `private/tlsmgr` of a Postfix, or a standalone one. */
  socketPath: string;
  /** Whether the server speaks first, as for Postfix 3.6 and later. Default true. */
  announcement?: boolean | undefined;
  /** Milliseconds that a call waits for its answer. Default 200. */
  deadlineMs?: number | undefined;
  /** Calls that may wait at the same time; further ones fail at once. Default 1000. */
  maxWaiting?: number | undefined;
}

const publicStates: Readonly<Record<LinkState, 'up' | 'down' | 'idle'>> = {
  idle: 'idle',
  connecting: 'idle',
  retrying: 'down',
  up: 'up',
  down: 'down',
  closing: 'down',
  closed: 'down',
};

/**
 * A connection to a tlsmgr, for all calls of a process. It connects at the first
 * call, and again at the next one after a failure. Calls without a server's answer
 * are misses, or reject with TlsmgrError: `UNAVAILABLE`, `DEADLINE`, `BUSY`,
 * `CLOSED`, `UNSUPPORTED` or `REFUSED`. A wrong argument is a RangeError.
 */
export class TlsmgrClient implements AsyncDisposable {
  readonly #link: Link;
  readonly #deadlineMs: number;

  /** Throws RangeError for options that can't be. */
  constructor(options: ClientOptions) {
    requireClientOptions(options);
    const { socketPath, announcement, deadlineMs, maxWaiting } = options;
    this.#deadlineMs = deadlineMs ?? 200;
    this.#link = new Link({
      socketPath,
      announcement: announcement ?? true,
      deadlineMs: this.#deadlineMs,
      maxWaiting: maxWaiting ?? 1000,
    });
  }

  /**
   * `up`: connected. `down`: the last connection failed, and none has come up since;
   * or the client is closed. `idle`: none of these; the next call connects.
   */
  get state(): 'up' | 'down' | 'idle' {
    return publicStates[this.#link.state];
  }

  /** Why the last call had no answer, also one that was told as a miss; undefined after an answer. */
  get trouble(): TlsmgrError | undefined {
    return this.#link.trouble;
  }

  /** Who serves. Rejects without a server. */
  async identify(options?: CallOptions): Promise<Identity> {
    requireCallOptions(options);
    return this.#link.identify(options);
  }

  /** The session stored under the id; undefined when there is none, the cache is off, or no server. */
  async lookup(cache: CacheName, id: CacheId, options?: CallOptions): Promise<Buffer | undefined> {
    return this.#askOr(undefined, lookupQuestion(cache, id), options);
  }

  /** Stores a session. @returns false when the cache is off, or there is no server. */
  async update(
    cache: CacheName,
    id: CacheId,
    session: Uint8Array,
    options?: CallOptions,
  ): Promise<boolean> {
    return this.#askOr(false, updateQuestion(cache, id, session), options);
  }

  /** @returns whether there was such a session; false without a server. */
  async delete(cache: CacheName, id: CacheId, options?: CallOptions): Promise<boolean> {
    return this.#askOr(false, deleteQuestion(cache, id), options);
  }

  /** 1 to 255 bytes for a generator of one's own. */
  async seed(bytes: number, options?: CallOptions): Promise<Buffer> {
    return this.#ask(seedQuestion(bytes), options);
  }

  /**
   * The 88 bytes of the key that seals tickets now, or of the key with the
   * 16-byte name; undefined when there is none, or no tickets are given out.
   */
  async ticketKey(name?: Uint8Array, options?: CallOptions): Promise<Buffer | undefined> {
    return this.#ask(ticketKeyQuestion(name), options);
  }

  /**
   * Every ticket key of a scope (1 to 255 bytes), the one that seals first;
   * undefined when no tickets are given out. Of this tlsmgr only.
   */
  async ticketRing(scope: string, options?: CallOptions): Promise<ScopedKey[] | undefined> {
    return this.#ask(ticketRingQuestion(scope), options);
  }

  /** Whether sessions of a kind can be cached, and how long they live. */
  async policy(cache: CacheName, options?: CallOptions): Promise<Policy> {
    return this.#ask(policyQuestion(cache), options);
  }

  /** The daemon's report on itself: docs/status.md. */
  async stats(options?: CallOptions): Promise<unknown> {
    return this.#ask(statsQuestion(), options);
  }

  /**
   * The entries of a cache, oldest first, page by page. Throws `REFUSED` when it is
   * off. The deadline is for all pages together, less the caller's own time between
   * them.
   */
  async *list(cache: CacheName, options?: CallOptions): AsyncGenerator<ListedSession> {
    requireCallOptions(options);
    const deadlineMs = options?.deadlineMs ?? this.#deadlineMs;
    let leftMs = deadlineMs;
    let cursor = '';
    do {
      const askedMs = performance.now();
      let page: Page;
      try {
        page = await this.#ask(listQuestion(cache, cursor), { ...options, deadlineMs: leftMs });
      } catch (thrown) {
        throw cursor === '' ? thrown : this.#lateListing(thrown, deadlineMs);
      }
      // The last page may have come at the last moment: a timer needs some time.
      leftMs = Math.max(1, leftMs - (performance.now() - askedMs));
      yield* page.sessions;
      ({ cursor } = page);
    } while (cursor !== '');
  }

  /** Drops every entry of a cache. @returns how many there were. */
  async flush(cache: CacheName, options?: CallOptions): Promise<number> {
    return this.#ask(flushQuestion(cache), options);
  }

  /** Takes no more calls, and closes the connection once those under way have ended. */
  close(): Promise<void> {
    return this.#link.close();
  }

  /** As close(). */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ask<T>(question: Question<T>, options: CallOptions | undefined): Promise<T> {
    try {
      requireCallOptions(options);
      if (!isTraced()) {
        return this.#link.ask(question, options);
      }
    } catch (thrown) {
      question.request.fill(0);
      throw thrown;
    }
    const { name: request, cache } = question;
    const { socketPath } = this.#link;
    return trace({ request, cache, socketPath }, options?.signal, () =>
      this.#link.ask(question, options),
    );
  }

  /** The last page's error tells only of the time that was left for it. */
  #lateListing(thrown: unknown, deadlineMs: number): unknown {
    if (!(thrown instanceof TlsmgrError && thrown.code === 'DEADLINE')) {
      return thrown;
    }
    const text = `${this.#link.socketPath}: the listing took longer than ${Math.ceil(deadlineMs)} ms`;
    return new TlsmgrError('DEADLINE', text, { cause: thrown });
  }

  /** The cache is an aid: without a server a program goes on as if nothing were stored. */
  async #askOr<T>(without: T, question: Question<T>, options: CallOptions | undefined): Promise<T> {
    try {
      return await this.#ask(question, options);
    } catch (thrown) {
      // The reason stands in `trouble`.
      if (thrown instanceof TlsmgrError && !isAbortReason(options?.signal, thrown)) {
        return without;
      }
      throw thrown;
    }
  }
}
