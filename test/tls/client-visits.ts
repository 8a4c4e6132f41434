/** Connections for tests of the client side: a byte each way, so that sessions come. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  connect,
  type ConnectionOptions,
  createServer,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type { TlsOptions } from 'node:tls';
import type { ClientSessions } from '../../src/tls/client/client-sessions.ts';
import type { SessionConnectionOptions } from '../../src/tls/client/destination.ts';
import { type Authority, makeAuthority } from './authority.ts';
import { greet, type Version } from './handshakes.ts';

const authorities = new Map<string, Promise<Authority>>();

/** Made once for each name. */
export function authority(name: string): Promise<Authority> {
  const made = authorities.get(name) ?? makeAuthority(name);
  authorities.set(name, made);
  return made;
}

/** A server that greets, at 127.0.0.1, with a certificate of this name. */
export async function serverFor(name: string, options: TlsOptions = {}): Promise<Server> {
  const { key, cert } = await authority(name);
  const server = createServer({ key, cert, ...options }, greet);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export function portOf(server: { address(): unknown }): number {
  return (server.address() as AddressInfo).port;
}

export function only(version: Version): ConnectionOptions {
  return { minVersion: version, maxVersion: version };
}

/** A byte each way over a secure connection. @returns whether it was resumed. */
export async function talk(socket: TLSSocket): Promise<boolean> {
  const ended = once(socket, 'end');
  socket.resume();
  socket.write('?');
  await ended;
  const resumed = socket.isSessionReused();
  socket.destroy();
  return resumed;
}

export async function visitBy(
  sessions: ClientSessions,
  options: SessionConnectionOptions,
): Promise<boolean> {
  return talk(await sessions.connect(options));
}

/** By Node alone. @returns the socket too, closed, and the sessions that came. */
export async function plainVisit(
  options: ConnectionOptions,
): Promise<{ resumed: boolean; authorized: boolean; socket: TLSSocket; sessions: Buffer[] }> {
  const sessions: Buffer[] = [];
  const socket = connect(options);
  socket.on('session', (session: Buffer) => void sessions.push(session));
  await once(socket, 'secureConnect');
  const { authorized } = socket;
  return { resumed: await talk(socket), authorized, socket, sessions };
}
