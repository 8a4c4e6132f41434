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
import { requireScope, sessionIdContextOf } from './scope.ts';
import { type CallbackKey, installCallback, singleKey, ticketKeyCallback } from './key-callback.ts';
import { SessionIds, usualDeadlineMs } from './session-ids.ts';
import { type ShareTarget, type Target, targetOf } from './target.ts';
import type { TicketClient } from './ticket-client.ts';
import { type RingState, TicketRing } from './ticket-ring.ts';

/** With whom sessions are shared, and how. */
export interface ShareOptions {
  /** Who may resume with whom, 1 to 255 bytes: keys and session id context come from it. */
  scope: string;
  /**
   * `ring`: older keys open tickets, the newest seals. `single`: one key at a
   * time, by what Node documents. `auto`, the default: ring if a check at the
   * start shows that it works in this Node.
   */
  keys?: 'auto' | 'ring' | 'single';
  /**
   * Which tickets are replaced when they are used. Default `always`, but `never`
   * where client certificates are asked for, as each renewal makes a session
   * live longer: nothing else is allowed there.
   */
  renew?: 'always' | 'old-key' | 'never';
  /** Sessions by id as well. Default false; true: with a deadline of 50 ms. */
  sessionIds?: boolean | { deadlineMs: number };
}

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
  /** Resolves when the first keys are in use, or when this is disposed of. Never rejects. */
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
 * (host names with other authorities for client certificates), RangeError for a bad scope.
 */
export function shareSessions(
  target: ShareTarget,
  client: TicketClient,
  options: ShareOptions,
): SharedSessions {
  return new Sharing(target, client, options, systemClock);
}

/** Targets whose sessions are shared now: two rings at one server would take each other's place. */
const shared = new WeakSet<ShareTarget>();

/** For tests: with a clock of their own. */
export class Sharing implements SharedSessions {
  readonly ready: Promise<void>;
  #isReady: () => void = () => {};
  #mode: ShareMode = 'undecided';
  readonly #target: Target;
  readonly #ring: TicketRing;
  readonly #renew: 'always' | 'old-key' | 'never';
  readonly #watch: HandshakeWatch;
  readonly #sessionIds: SessionIds | undefined;
  readonly #sessionIdContext: string;
  readonly #undo: (() => void)[] = [];

  constructor(target: ShareTarget, client: TicketClient, options: ShareOptions, clock: Clock) {
    const { scope, keys = 'auto', sessionIds = false } = options;
    requireScope(scope);
    if (shared.has(target)) {
      throw new TlsmgrError('REFUSED', 'the sessions of this server are shared already');
    }
    this.#target = targetOf(target);
    this.#renew = renewalOf(options, this.#target);
    this.#sessionIdContext = sessionIdContextOf(scope);
    this.ready = new Promise((resolve) => {
      this.#isReady = resolve;
    });
    this.#undo.push(refuseOtherAuthorities(target));
    shared.add(target);
    this.#undo.push(() => void shared.delete(target));
    this.#watch = new HandshakeWatch(scope, clock);
    const { server } = this.#target;
    if (server !== undefined) {
      this.#undo.push(this.#watch.follow(server));
    }
    if (sessionIds !== false && server !== undefined) {
      const deadlineMs = sessionIds === true ? usualDeadlineMs : sessionIds.deadlineMs;
      this.#sessionIds = new SessionIds(client, scope, deadlineMs);
      this.#undo.push(this.#sessionIds.follow(server));
    }
    this.#undo.push(
      this.#target.watch(
        () => this.#apply(),
        () => this.#addedOptions(),
      ),
    );
    this.#ring = new TicketRing({ client, scope, clock, changed: () => this.#apply() });
    void this.#decide(keys);
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
      this.#undo.toReversed().forEach((undo) => undo());
      this.#isReady();
    }
    return Promise.resolve();
  }

  async #decide(keys: 'auto' | 'ring' | 'single'): Promise<void> {
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
    context?.setSessionIdContext?.(this.#sessionIdContext);
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
    this.#isReady();
  }

  /** Without a key: one that nobody else has, as Node itself does it. */
  #setSingle(key: CallbackKey | undefined): void {
    const bytes = key === undefined ? randomBytes(48) : singleKey(key);
    this.#target.setTicketKeys(bytes);
    bytes.fill(0);
  }

  /** For a context that is about to be made. */
  #addedOptions(): SecureContextOptions {
    if (this.state === 'waiting' || this.state === 'closed') {
      return {};
    }
    const sessionTimeout = this.#ring.lifetimeSeconds;
    return {
      sessionIdContext: this.#sessionIdContext,
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

function renewalOf({ renew }: ShareOptions, target: Target): 'always' | 'old-key' | 'never' {
  if (!target.asksForCertificates) {
    return renew ?? 'always';
  }
  if (renew !== undefined && renew !== 'never') {
    throw new TlsmgrError(
      'REFUSED',
      'tickets are not renewed where client certificates are asked for: a certificate would never be asked for again',
    );
  }
  return 'never';
}
