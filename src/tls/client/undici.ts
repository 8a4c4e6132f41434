/** A `connect` for undici's Client, Pool and Agent. undici itself is the caller's. */
import { isIP } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SessionConnectionOptions } from './destination.ts';
import type { SessionKeeper } from './session-keeper.ts';

/** The options of undici's buildConnector: those of tls.connect(), and its own. */
export interface UndiciConnectOptions extends SessionConnectionOptions {
  allowH2?: boolean | undefined;
  socketPath?: string | undefined;
  /** Of the connection, in milliseconds. */
  timeout?: number | undefined;
}

/** What undici hands to a connector. */
export interface UndiciTarget {
  hostname: string;
  host?: string | undefined;
  protocol: string;
  port: string;
  servername?: string | undefined;
  localAddress?: string | null | undefined;
  httpSocket?: unknown;
}

export type UndiciConnector<Target, Callback> = (target: Target, callback: Callback) => unknown;

/** undici's own `buildConnector`. */
export type BuildConnector<Target, Callback> = (
  // oxlint-disable-next-line typescript/no-explicit-any -- undici's own type differs by version
  options?: any,
) => UndiciConnector<Target, Callback>;

export function undiciConnector<Target, Callback>(
  keeper: SessionKeeper,
  buildConnector: BuildConnector<Target, Callback>,
  options: UndiciConnectOptions,
): (target: Target, callback: Callback) => void {
  const { sessionPolicy: _, ...own } = options;
  // undici's own cache would offer sessions that nobody has looked at.
  const build = (session?: Buffer): UndiciConnector<Target, Callback> =>
    buildConnector({ ...own, maxCachedSessions: 0, ...(session && { session }) });
  const plain = build();
  return (target, callback) => {
    const wanted = target as UndiciTarget;
    const destination =
      wanted.protocol === 'https:' ? keeper.destinationOf(optionsOf(wanted, options)) : undefined;
    if (destination === undefined) {
      plain(target, callback);
      return;
    }
    const connect = (session: Buffer | undefined): void => {
      const socket = (session === undefined ? plain : build(session))(target, callback);
      if (socket instanceof TLSSocket) {
        keeper.follow(socket, destination, session);
      }
    };
    const later = async (): Promise<void> => {
      const session = await keeper.offer(destination);
      try {
        connect(session);
      } catch (error) {
        (callback as (error: unknown) => void)(error);
      }
    };
    const session = keeper.offerNow(destination);
    if (session === undefined) {
      void later();
    } else {
      connect(session);
    }
  };
}

/** What undici's connector passes to tls.connect(). */
function optionsOf(target: UndiciTarget, options: UndiciConnectOptions): SessionConnectionOptions {
  const { hostname, host = hostname, port, httpSocket } = target;
  const servername = target.servername || options.servername || nameOf(host);
  return {
    ...options,
    host: hostname,
    port: Number(port || 443),
    path: options.socketPath,
    servername,
    ALPNProtocols: options.allowH2 === true ? ['http/1.1', 'h2'] : ['http/1.1'],
    ...(httpSocket === undefined || httpSocket === null ? {} : { socket: httpSocket as TLSSocket }),
  };
}

/** A `Host:` header without its port; none for an address in figures. */
function nameOf(host: string): string | undefined {
  const name = host.startsWith('[') ? host.slice(1, host.indexOf(']')) : host.split(':')[0]!;
  return isIP(name) === 0 ? name : undefined;
}
