/** An https.Agent whose connections resume sessions. */
import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { SessionConnectionOptions } from './destination.ts';
import type { SessionKeeper } from './session-keeper.ts';

export interface SessionAgentOptions extends AgentOptions {
  /** As for `ClientSessions.connect`. */
  sessionPolicy?: string | undefined;
}

type Created = (error: Error | null, socket: Duplex) => void;

export class SessionAgent extends Agent {
  readonly #keeper: SessionKeeper;

  constructor(keeper: SessionKeeper, options: SessionAgentOptions | undefined) {
    // Node's own cache would offer sessions that nobody has looked at.
    super({ ...options, maxCachedSessions: 0 });
    this.#keeper = keeper;
  }

  /** As Node's types have it; undefined, which Node knows as well, means that `created` is called later. */
  override createConnection(options: SessionConnectionOptions, created?: Created): Duplex {
    return this.#create(options, created ?? (() => {})) as Duplex;
  }

  #create(options: SessionConnectionOptions, created: Created): Duplex | undefined {
    const destination = this.#isProxied() ? undefined : this.#keeper.destinationOf(options);
    if (destination === undefined) {
      return super.createConnection(options, created);
    }
    const connect = (session: Buffer | undefined): Duplex => {
      const socket = super.createConnection(
        session === undefined ? options : { ...options, session },
        created,
      );
      if (socket instanceof TLSSocket) {
        this.#keeper.follow(socket, destination, session);
      }
      return socket;
    };
    const later = async (): Promise<void> => {
      const session = await this.#keeper.offer(destination);
      let socket: Duplex | undefined;
      try {
        socket = connect(session);
      } catch (error) {
        created(error as Error, undefined as unknown as Duplex);
        return;
      }
      if (socket) {
        created(null, socket);
      }
    };
    const session = this.#keeper.offerNow(destination);
    if (session !== undefined) {
      return connect(session);
    }
    void later();
    return undefined;
  }

  /** Node then connects to the proxy first, and makes the second connection by itself. */
  #isProxied(): boolean {
    return (this.options as { proxyEnv?: unknown }).proxyEnv !== undefined;
  }
}
