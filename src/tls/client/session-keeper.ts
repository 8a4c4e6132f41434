/**
 * Keeps the sessions of a client's connections, in this process and in tlsmgr,
 * and finds the one to offer. What it hands out is a copy, overwritten once the
 * handshake is over.
 */
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../system/clock.ts';
import {
  type Destination,
  destinationOf,
  type SessionConnectionOptions,
  Unfit,
} from './destination.ts';
import { faultOf } from './examine.ts';
import { HeldSessions } from './held-sessions.ts';
import { type ClientSessionMessage, type Refusal, tell } from './session-watch.ts';

/** What this part needs of the client library: `TlsmgrClient` has it all. */
export interface SessionClient {
  lookup(cache: string, id: string): Promise<Buffer | undefined>;
  update(cache: string, id: string, session: Buffer): Promise<boolean>;
  delete(cache: string, id: string): Promise<boolean>;
}

export interface KeeperOptions {
  client: SessionClient;
  scope: string;
  cache: string;
  reuse: 'last' | 'never';
  perDestination: number;
  maxDestinations: number;
  clock: Clock;
}

export class SessionKeeper {
  readonly #options: KeeperOptions;
  readonly #held: HeldSessions;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#held = new HeldSessions(options.perDestination, options.maxDestinations);
  }

  /** Undefined where no session may be offered or kept. */
  destinationOf(options: SessionConnectionOptions): Destination | undefined {
    try {
      return destinationOf(options, this.#options.scope);
    } catch (error) {
      if (error instanceof Unfit) {
        this.#tell(error.label, 'refused', error.why);
        return undefined;
      }
      throw error;
    }
  }

  /** A session that this process holds. */
  offerNow(destination: Destination): Buffer | undefined {
    const { id } = destination;
    for (;;) {
      const fresh = this.#held.takeFresh(id);
      if (fresh === undefined) {
        break;
      }
      const offered = this.#checked(destination, fresh);
      if (offered !== undefined) {
        this.#used(destination, fresh);
        return offered;
      }
    }
    const last = this.#held.last(id);
    return last && this.#checked(destination, last);
  }

  /** The same, else one that tlsmgr holds. Never rejects. */
  async offer(destination: Destination): Promise<Buffer | undefined> {
    return this.offerNow(destination) ?? (await this.#fetch(destination));
  }

  /**
   * Keeps what sessions the connection brings.
   * @param offered what offer() gave for it.
   */
  follow(socket: TLSSocket, destination: Destination, offered?: Buffer): void {
    let isOver = false;
    let isReached = !socket.connecting;
    let count = 0;
    const keep = (session: Buffer): void => {
      this.#keep(socket, destination, session, count === 0);
      count += 1;
    };
    if (offered !== undefined) {
      this.#tell(destination.label, 'offered');
    }
    socket.once('connect', () => {
      isReached = true;
    });
    socket.once('secureConnect', () => {
      isOver = true;
      const isResumed = socket.isSessionReused();
      if (offered !== undefined) {
        this.#outcome(destination, offered, isResumed ? undefined : 'server');
      }
      if (isResumed && socket.getProtocol() !== 'TLSv1.3') {
        // Of a ticket that TLS 1.2 has renewed no event tells.
        const session = socket.getSession();
        if (session !== undefined && offered?.equals(session) !== true) {
          keep(session);
        }
      }
      offered?.fill(0);
    });
    socket.on('session', keep);
    socket.once('close', () => {
      if (!isOver && isReached && offered !== undefined) {
        // It may have been the session's fault: the next connection goes without.
        this.#outcome(destination, offered, 'connection');
      }
      offered?.fill(0);
    });
  }

  /** The connection is made without a session, because of an error here. */
  failed(label: string): void {
    this.#tell(label, 'refused', 'failure');
  }

  clear(): void {
    this.#held.clear();
  }

  async #fetch(destination: Destination): Promise<Buffer | undefined> {
    const { client, cache, reuse } = this.#options;
    const { id } = destination;
    let found: Buffer | undefined;
    try {
      found = await client.lookup(cache, id);
      // Of several processes that have found it one takes it.
      if (found !== undefined && reuse === 'never' && !(await client.delete(cache, id))) {
        return undefined;
      }
    } catch {
      // No server is a miss. Its reasons are the client's to tell.
      return undefined;
    }
    if (found === undefined) {
      return undefined;
    }
    const offered = this.#checked(destination, found);
    if (offered === undefined) {
      void this.#delete(id);
    } else {
      this.#used(destination, found);
    }
    return offered;
  }

  #used({ id }: Destination, session: Buffer): void {
    if (this.#options.reuse === 'last') {
      this.#held.keepLast(id, session);
    } else {
      session.fill(0);
    }
  }

  /** @returns a copy; undefined for one that must not be offered, which is overwritten. */
  #checked(destination: Destination, session: Buffer): Buffer | undefined {
    const fault = this.#faultOf(session, destination);
    if (fault === undefined) {
      return Buffer.from(session);
    }
    this.#held.drop(destination.id, session);
    session.fill(0);
    this.#tell(destination.label, 'refused', fault);
    return undefined;
  }

  #faultOf(session: Buffer, destination: Destination): Refusal | undefined {
    try {
      return faultOf(session, destination, this.#options.clock.nowSeconds());
    } catch {
      // A fault here must not end the connection.
      return 'failure';
    }
  }

  #outcome({ id, label }: Destination, offered: Buffer, fault: Refusal | undefined): void {
    if (fault === undefined) {
      this.#tell(label, 'resumed');
      return;
    }
    this.#tell(label, 'refused', fault);
    this.#held.drop(id, offered);
    if (this.#options.reuse === 'last') {
      void this.#delete(id);
    }
  }

  #keep(socket: TLSSocket, destination: Destination, session: Buffer, isFirst: boolean): void {
    const { id, label, rejectUnauthorized } = destination;
    const fault =
      rejectUnauthorized && !socket.authorized ? 'unverified' : this.#faultOf(session, destination);
    if (fault !== undefined) {
      this.#tell(label, 'refused', fault);
      return;
    }
    this.#tell(label, 'stored');
    // A copy: the same buffer goes to other listeners.
    const copy = Buffer.from(session);
    if (this.#options.reuse === 'last') {
      this.#held.keep(id, copy);
      void this.#store(id, session);
    } else if (isFirst) {
      void this.#storeOrKeep(id, copy);
    } else {
      this.#held.keep(id, copy);
    }
  }

  /** For single use, a session is in one place: tlsmgr, or here if tlsmgr doesn't take it. */
  async #storeOrKeep(id: string, session: Buffer): Promise<void> {
    if (await this.#store(id, session)) {
      session.fill(0);
    } else {
      this.#held.keep(id, session);
    }
  }

  async #store(id: string, session: Buffer): Promise<boolean> {
    try {
      return await this.#options.client.update(this.#options.cache, id, session);
    } catch {
      // As without a server.
      return false;
    }
  }

  async #delete(id: string): Promise<void> {
    try {
      await this.#options.client.delete(this.#options.cache, id);
    } catch {
      // The next process finds out by itself that it is of no use.
    }
  }

  #tell(destination: string, event: ClientSessionMessage['event'], why?: Refusal): void {
    const { scope } = this.#options;
    tell({ scope, destination, event, ...(why === undefined ? {} : { why }) });
  }
}
