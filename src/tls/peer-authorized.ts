import type { TLSSocket } from 'node:tls';

/**
 * Whether the client of a connection has shown a certificate that was verified.
 * `socket.authorized` alone doesn't say so: some versions of Node set it on a
 * resumed TLS 1.3 connection whose client has never shown one.
 */
export function peerAuthorized(socket: TLSSocket): boolean {
  return socket.authorized && socket.getPeerX509Certificate() !== undefined;
}
