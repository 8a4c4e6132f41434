/** Handshakes for tests: a server that answers one byte, a client that keeps what it gets. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  connect,
  type ConnectionOptions,
  createServer,
  type Server,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import { certificate } from '../postfix/certificate.ts';

export type Version = 'TLSv1.2' | 'TLSv1.3';
export const versions: readonly Version[] = ['TLSv1.2', 'TLSv1.3'];

export interface Visit {
  resumed: boolean;
  protocol: string | null;
  /** The last session that came; the one offered if none did. */
  session: Buffer | undefined;
  /** Sessions that came after the handshake. */
  sessions: Buffer[];
  /** The first 16 bytes of the ticket, TLS 1.2 only. */
  keyName: Buffer | undefined;
}

/** A tls.Server that listens and answers each client. */
export async function startServer(options: TlsOptions = {}): Promise<Server> {
  const pem = await certificate();
  const server = createServer({ key: pem, cert: pem, ...options }, greet);
  return listening(server);
}

export async function listening<S extends Server>(server: S): Promise<S> {
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

export function greet(socket: TLSSocket): void {
  socket.on('error', () => {});
  socket.once('data', () => void socket.end('!'));
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** One connection: a handshake, a byte each way, and what sessions come with it. */
export async function visit(
  port: number,
  version: Version,
  session?: Buffer,
  options: ConnectionOptions = {},
): Promise<Visit> {
  const sessions: Buffer[] = [];
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'mx.example',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
    ...options,
  });
  socket.on('session', (found: Buffer) => void sessions.push(found));
  // Sessions of TLS 1.3 come with the answer, not with the handshake.
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.once('secureConnect', () => void socket.write('?'));
    let answered = false;
    socket.once('data', () => {
      answered = true;
    });
    socket.once('end', () => {
      if (answered) {
        resolve();
      } else {
        reject(new Error('the connection ended without an answer'));
      }
    });
  });
  const got: Visit = {
    resumed: socket.isSessionReused(),
    protocol: socket.getProtocol(),
    session: sessions.at(-1) ?? (version === 'TLSv1.2' ? socket.getSession() : session),
    sessions,
    keyName: socket.getTLSTicket()?.subarray(0, 16),
  };
  socket.destroy();
  return got;
}

/** Whether each of these visits, with what the one before it got, is resumed. */
export async function chain(
  ports: readonly number[],
  version: Version,
  options: ConnectionOptions = {},
): Promise<boolean[]> {
  const resumed: boolean[] = [];
  let session: Buffer | undefined;
  for (const port of ports) {
    const got = await visit(port, version, session, options);
    ({ session } = got);
    resumed.push(got.resumed);
  }
  return resumed;
}
