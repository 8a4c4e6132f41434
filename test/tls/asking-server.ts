/** Servers that ask for certificates of clients, and tell each client what they make of it. */
import { once } from 'node:events';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { peerAuthorized } from '../../src/tls/peer-authorized.ts';
import type { Authority } from './authority.ts';
import type { Version } from './handshakes.ts';

/** With the authority's own certificate, for clients of this authority. */
export function askingServer(authority: Authority, options: object = {}): Server {
  const { key, cert, ca } = authority;
  const base = { key, cert, ca, requestCert: true, rejectUnauthorized: false };
  return createServer({ ...base, ...options }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      const { authorized } = socket;
      socket.end(JSON.stringify({ authorized, peerAuthorized: peerAuthorized(socket) }));
    });
  });
}

export interface Answer {
  authorized: boolean;
  peerAuthorized: boolean;
  resumed: boolean;
  session: Buffer | undefined;
}

/** What the server makes of a client, with a certificate or without. Rejects when it lets it out. */
export async function ask(
  port: number,
  version: Version,
  servername: string,
  certificate: Partial<Authority>,
  session?: Buffer,
): Promise<Answer> {
  const { key, cert } = certificate;
  const socket: TLSSocket = connect({
    port,
    host: '127.0.0.1',
    servername,
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(key === undefined ? {} : { key, cert }),
    ...(session === undefined ? {} : { session }),
  });
  let last: Buffer | undefined;
  socket.on('session', (found: Buffer) => {
    last = found;
  });
  socket.once('secureConnect', () => void socket.write('?'));
  const closed = once(socket, 'close').then(() => {
    throw new Error('the connection was closed');
  });
  const [text] = (await Promise.race([once(socket, 'data'), closed])) as [Buffer];
  const resumed = socket.isSessionReused();
  const answer = JSON.parse(text.toString()) as { authorized: boolean; peerAuthorized: boolean };
  const got = { ...answer, resumed, session: last ?? socket.getSession() };
  socket.destroy();
  return got;
}
