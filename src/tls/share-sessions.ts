/**
 * Sessions that all processes of a scope share: a client resumes at whichever of
 * them it comes to, after a restart, a change of the certificate and a rotation
 * of the keys.
 */
import { randomBytes } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { TlsmgrError } from '../errors.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { refuseOtherAuthorities } from './client-authorities.ts';
import { HandshakeWatch, type KeyUsed } from './handshake-watch.ts';
import { hookWorks } from './hook-check.ts';
import { Readiness } from './readiness.ts';
import { sessionIdContextOf } from './scope.ts';
import { type CallbackKey, installCallback, singleKey, ticketKeyCallback } from './key-callback.ts';
import { SessionIds } from './session-ids.ts';
import { checkOptions, type CheckedOptions, type ShareOptions } from './share-options.ts';
import { type ShareTarget, type Target, targetOf } from './target.ts';
import type { TicketClient } from './ticket-client.ts';
import { type RingState, TicketRing } from './ticket-ring.ts';

/** How keys are given to the server; `undecided` until the check has ended. */
export type ShareMode = 'undecided' | 'ring' | 'single';

/** Counts since shareSessions() was called. */
export interface ShareStatistics {
  state: RingState;
  mode: ShareMode;
  /** Keys held now. */
  keys: number;
  /** Rounds of questions to the tlsmgr that ended well, and that failed. */
  fetched: number;
  failed: number;
  /** Keys that came and were refused: weak, malformed, of impossible times. */
  refusedKeys: number;
  /** Of a tls.Server, handshakes that have ended. */
  resumed: number;
  full: number;
  /** Tickets that came, by the key that has opened them. Mode `ring` only. */
  byKey: Record<KeyUsed, number>;
  sessionIds: SessionIds['counts'] | undefined;
}

/** What shareSessions() gives: sharing goes on until it is disposed of. */
export interface SharedSessions extends AsyncDisposable {
  /**
   * Resolves when the first keys are in use, when this is disposed of, and in state
   * `waiting` when it has been waited for 5 s. Keeps the process alive so long.
   * Never rejects.
   */
  readonly ready: Promise<void>;
  readonly mode: ShareMode;
  readonly state: RingState;
  stats(): ShareStatistics;
}

/**
 * Shares the sessions of a server with all processes that name the same scope
 * to the same tlsmgr. Until the first keys come the server goes by Node's own.
 * While no tlsmgr answers the last key serves to its end, then no tickets are
 * given out; no handshake ever fails for it.
 *
 * Disposing of it overwrites the keys: the server gives out no more shared tickets.
 *
 * @throws TlsmgrError `REFUSED` where sharing would let clients in that must not be
 * (host names with other authorities for client certificates), RangeError for an
 * option of no meaning, TypeError for another target. Nothing is changed then.
 */
export function shareSessions(
  target: ShareTarget,
  client: TicketClient,
  options: ShareOptions,
): SharedSessions {
  return new Sharing(target, client, options, systemClock);
}

/** As long as the first round of questions may take. */
const readyLimitMs = 5000;

/** Targets whose sessions are shared now: two rings at one server would take each other's place. */
const shared = new WeakSet<ShareTarget>();

/** For tests: with a clock of their own. */
export class Sharing implements SharedSessions {
  #mode: ShareMode = 'undecided';
  readonly #readiness = new Readiness(readyLimitMs);
  readonly #scope: string;
  readonly #target: Target;
  readonly #ring: TicketRing;
  readonly #renew: CheckedOptions['renew'];
  readonly #watch: HandshakeWatch;
  readonly #sessionIds: SessionIds | undefined;
  readonly #undo: (() => void)[] = [];

  constructor(target: ShareTarget, client: TicketClient, options: ShareOptions, clock: Clock) {
    this.#target = targetOf(target);
    const { server, clientAuthorities } = this.#target;
    const checked = checkOptions(options, clientAuthorities !== undefined);
    const { scope, keys, sessionIdDeadlineMs } = checked;
    if (shared.has(target)) {
      throw new TlsmgrError('REFUSED', 'the sessions of this server are shared already');
    }
    this.#scope = scope;
    this.#renew = checked.renew;
    this.#watch = new HandshakeWatch(scope, clock);
    if (server !== undefined && sessionIdDeadlineMs !== undefined) {
      this.#sessionIds = new SessionIds(client, scope, sessionIdDeadlineMs);
    }
    try {
      this.#follow(target);
    } catch (thrown) {
      this.#undoAll();
      throw thrown;
    }
    this.#ring = new TicketRing({ client, scope, clock, changed: () => this.#apply() });
    void this.#decide(keys);
  }

  get ready(): Promise<void> {
    return this.#readiness.promise;
  }

  get mode(): ShareMode {
    return this.#mode;
  }

  get state(): RingState {
    return this.#ring.state;
  }

  stats(): ShareStatistics {
    return {
      state: this.state,
      mode: this.#mode,
      keys: this.#ring.keyCount,
      ...this.#ring.counts,
      ...this.#watch.counts,
      byKey: { ...this.#watch.counts.byKey },
      sessionIds: this.#sessionIds && { ...this.#sessionIds.counts },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#ring.state !== 'closed') {
      this.#ring.close();
      if (this.#mode === 'single') {
        this.#setSingle(undefined);
      }
      this.#undoAll();
      this.#readiness.settle();
    }
    return Promise.resolve();
  }

  /** What may refuse comes first; what is done by then is undone. */
  #follow(target: ShareTarget): void {
    const { server } = this.#target;
    this.#undo.push(refuseOtherAuthorities(target));
    shared.add(target);
    this.#undo.push(() => void shared.delete(target));
    if (server !== undefined) {
      if (this.#sessionIds !== undefined) {
        this.#undo.push(this.#sessionIds.follow(server));
      }
      this.#undo.push(this.#watch.follow(server));
    }
    this.#undo.push(
      this.#target.watch(
        () => this.#apply(),
        (clientAuthorities) => this.#addedOptions(clientAuthorities),
      ),
    );
  }

  #undoAll(): void {
    this.#undo.toReversed().forEach((undo) => undo());
  }

  async #decide(keys: CheckedOptions['keys']): Promise<void> {
    const isRing = keys === 'ring' || (keys === 'auto' && (await hookWorks()));
    this.#mode = isRing ? 'ring' : 'single';
    this.#apply();
  }

  /** Gives the server its keys: again for each new context, in mode `single` for each new key. */
  #apply(): void {
    if (this.#mode === 'undecided' || this.state === 'waiting' || this.state === 'closed') {
      return;
    }
    const context = this.#target.context();
    context?.setSessionIdContext?.(sessionIdContextOf(this.#scope, this.#target.clientAuthorities));
    const { lifetimeSeconds } = this.#ring;
    if (lifetimeSeconds !== undefined) {
      context?.setSessionTimeout?.(lifetimeSeconds);
    }
    if (this.#mode === 'ring' && !(context && installCallback(context, this.#callback))) {
      this.#mode = 'single';
    }
    if (this.#mode === 'single') {
      this.#setSingle(this.#ring.sealing());
    }
    this.#readiness.settle();
  }

  /** Without a key: one that nobody else has, as Node itself does it. */
  #setSingle(key: CallbackKey | undefined): void {
    const bytes = key === undefined ? randomBytes(48) : singleKey(key);
    this.#target.setTicketKeys(bytes);
    bytes.fill(0);
  }

  /** For a context that is about to be made. */
  #addedOptions(clientAuthorities: string | undefined): SecureContextOptions {
    if (this.state === 'waiting' || this.state === 'closed') {
      return {};
    }
    const sessionTimeout = this.#ring.lifetimeSeconds;
    return {
      sessionIdContext: sessionIdContextOf(this.#scope, clientAuthorities),
      ...(sessionTimeout === undefined ? {} : { sessionTimeout }),
    };
  }

  readonly #callback = ticketKeyCallback({
    sealing: () => this.#ring.sealing(),
    named: (name) => {
      const key = this.#ring.named(name);
      if (key === undefined) {
        this.#ring.missed(name);
        this.#watch.opened('unknown');
      } else {
        this.#watch.opened(this.#ring.sealing() === key ? 'current' : 'previous');
      }
      return key;
    },
    renews: (key) =>
      this.#renew === 'always' || (this.#renew === 'old-key' && this.#ring.sealing() !== key),
  });
}
