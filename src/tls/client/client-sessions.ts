/** TLS sessions of a program's own connections, which outlive the process. */
import type { Agent } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../../system/clock.ts';
import { requireScope } from '../scope.ts';
import { connectNow } from './connect-now.ts';
import type { SessionConnectionOptions } from './destination.ts';
import { SessionAgent, type SessionAgentOptions } from './https-agent.ts';
import { mailerOptions, type MailerOptions, type WithSocket } from './nodemailer.ts';
import { type SessionClient, SessionKeeper } from './session-keeper.ts';
import { type BuildConnector, undiciConnector, type UndiciConnectOptions } from './undici.ts';

export interface ClientSessionsOptions {
  /** 1 to 255 bytes. Sessions are shared between programs that name the same. */
  scope: string;
  /** The cache of tlsmgr. Default `smtp`. */
  cache?: string | undefined;
  /**
   * `last`, the default: sessions that were never offered first, then the last one
   * again. `never`: each is offered once, so that nobody can link two connections.
   */
  reuse?: 'last' | 'never' | undefined;
  /** Sessions of a destination that this process holds. Default 4. */
  perDestination?: number | undefined;
  /** Destinations of which this process holds sessions; those used longest ago go. Default 1000. */
  maxDestinations?: number | undefined;
}

/**
 * Connections that resume what an earlier one has left, in this process or in
 * another. Without a tlsmgr they resume what this process holds. No connection
 * fails because of a session, or of a tlsmgr that is away.
 */
export class ClientSessions implements AsyncDisposable {
  readonly #keeper: SessionKeeper;

  /** Throws RangeError for options that can't be. */
  constructor(client: SessionClient, options: ClientSessionsOptions) {
    const { scope, cache = 'smtp', reuse = 'last' } = options;
    const { perDestination = 4, maxDestinations = 1000 } = options;
    requireScope(scope);
    for (const [name, value] of Object.entries({ perDestination, maxDestinations })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new RangeError(`${name}: ${value}`);
      }
    }
    this.#keeper = new SessionKeeper({
      client,
      scope,
      cache,
      reuse,
      perDestination,
      maxDestinations,
      clock: systemClock,
    });
  }

  /** tls.connect(). Resolves once the connection is secure; rejects with the socket's error. */
  async connect(options: SessionConnectionOptions): Promise<TLSSocket> {
    const destination = this.#keeper.destinationOf(options);
    const session = destination && (await this.#keeper.offer(destination));
    return new Promise((resolve, reject) => {
      const socket = connect(session === undefined ? options : { ...options, session });
      if (destination !== undefined) {
        this.#keeper.follow(socket, destination, session);
      }
      const closed = (): void => reject(new Error('the connection was closed'));
      socket.once('error', reject);
      socket.once('close', closed);
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        socket.off('close', closed);
        resolve(socket);
      });
    });
  }

  /** For `https.request()`, `https.get()` and what is built on them. */
  agent(options?: SessionAgentOptions): Agent {
    return new SessionAgent(this.#keeper, options);
  }

  /**
   * `connect` of undici's Client, Pool and Agent:
   * `new Agent({ connect: sessions.undici(buildConnector) })`.
   * @param buildConnector undici's own.
   */
  undici<Target, Callback>(
    buildConnector: BuildConnector<Target, Callback>,
    options: UndiciConnectOptions = {},
  ): (target: Target, callback: Callback) => void {
    return undiciConnector(this.#keeper, buildConnector, options);
  }

  /** `createConnection` of http2.connect(). */
  http2(options: SessionConnectionOptions = {}): (authority: URL, more?: object) => TLSSocket {
    return (authority, more) => {
      const host = authority.hostname.replaceAll(/^\[|\]$/gu, '');
      return this.connectNow({
        host,
        port: Number(authority.port || 443),
        ALPNProtocols: ['h2'],
        ...more,
        ...options,
      });
    };
  }

  /** Options of nodemailer's `createTransport()`, for TLS from the first byte. */
  nodemailer<Options extends MailerOptions>(options: Options): Options & WithSocket {
    return mailerOptions((now) => this.connect(now), options);
  }

  /**
   * tls.connect() for those who want the socket at once. A session that only tlsmgr
   * holds is offered where the host has a name, or the caller gives a socket; at an
   * address in figures what this process holds is.
   * @param connectWith tls.connect, or what stands for it.
   */
  connectNow(
    options: SessionConnectionOptions,
    connected?: () => void,
    connectWith: typeof connect = connect,
  ): TLSSocket {
    return connectNow(this.#keeper, connectWith, options, connected);
  }

  /** Overwrites the sessions that this process holds. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.clear();
    return Promise.resolve();
  }
}
