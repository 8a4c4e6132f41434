/** How clients of @redis/client are made. Types follow from the values: the library's own are checked where they are used. */
import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import { mostCommands } from './calls.ts';
import type { EngineSettings } from './engine-file.ts';
import type { ServerAddress } from './engine-values.ts';
import { type Names, nameLimitMs } from './names.ts';

/** A connection without any traffic ends. PINGs keep ours; this is for what nobody owns any more. */
const idleLimitMs = 5000;
/** As CLIENT LIST shows us. */
const clientName = 'tlsmgr';

export interface Ways {
  settings: EngineSettings;
  names: Names;
  /** Undefined: without TLS. */
  secureContext: SecureContext | undefined;
}

/**
 * All but the socket. The handshake sends HELLO, and SELECT if need be, and nothing
 * else that we would need a right for.
 */
export const commonOptions = {
  name: clientName,
  disableOfflineQueue: true,
  disableClientInfo: true,
  maintNotifications: 'disabled',
  // One more than the guard lets through, for its PING.
  commandsQueueMaxLength: mostCommands + 1,
} as const;

export function credentials({ username, password }: EngineSettings): {
  username?: string;
  password?: string;
} {
  return password === undefined
    ? {}
    : { username: username === '' ? 'default' : username, password };
}

/** To a place that is known. */
export function socketTo(place: ServerAddress, ways: Ways) {
  const isAddress = isIP(place.host) !== 0;
  const serverName = ways.settings.tls?.serverName ?? '';
  return {
    ...socketOptions(ways, {
      waitsForName: !isAddress,
      serverName: serverName === '' && !isAddress ? place.host : serverName,
    }),
    host: place.host,
    port: place.port,
  };
}

/** To any node of a Cluster: the library puts the place in. */
export function socketToAny(ways: Ways) {
  const serverName = ways.settings.tls?.serverName ?? '';
  return socketOptions(ways, { waitsForName: true, serverName });
}

interface Peer {
  waitsForName: boolean;
  /** For TLS; empty: as the library puts it in. */
  serverName: string;
}

function socketOptions({ settings, names, secureContext }: Ways, peer: Peer) {
  const common = {
    lookup: names.lookup,
    // It counts from before the name is looked up.
    connectTimeout: settings.connectTimeoutMs + (peer.waitsForName ? nameLimitMs : 0),
    socketTimeout: idleLimitMs,
    // Each attempt has a client of its own.
    reconnectStrategy: false,
  } as const;
  if (secureContext === undefined) {
    return { ...common, tls: false } as const;
  }
  const named: { servername?: string } =
    peer.serverName === '' ? {} : { servername: peer.serverName };
  return { ...common, ...named, tls: true, secureContext } as const;
}
