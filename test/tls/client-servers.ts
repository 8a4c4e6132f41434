/** Servers that programs visit: each counts the handshakes that it resumed. */
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import type { Server, TLSSocket } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import type { Authority } from './authority.ts';
import { portOf } from './client-visits.ts';

export interface Counting {
  port: number;
  /** One entry for each connection. */
  resumed: boolean[];
  close(): void;
}

function counted(server: Server): boolean[] {
  const resumed: boolean[] = [];
  server.on('secureConnection', (socket: TLSSocket) => void resumed.push(socket.isSessionReused()));
  server.on('tlsClientError', () => {});
  return resumed;
}

/** Closes each connection after its answer. */
export async function httpsServer({ key, cert }: Authority): Promise<Counting> {
  const server = createServer({ key, cert }, (_, response) => {
    response.setHeader('connection', 'close').end('ok');
  });
  const resumed = counted(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: portOf(server), resumed, close: () => void server.close() };
}

export async function http2Server({ key, cert }: Authority): Promise<Counting> {
  const server = createSecureServer({ key, cert }, (_, response) => void response.end('ok'));
  const resumed = counted(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: portOf(server), resumed, close: () => void server.close() };
}

/** With TLS from the first byte, or by STARTTLS. */
export async function smtpServer({ key, cert }: Authority, secure: boolean): Promise<Counting> {
  const resumed: boolean[] = [];
  const server = new SMTPServer({
    key,
    cert,
    secure,
    authOptional: true,
    disableReverseLookup: true,
    onSecure: (socket: TLSSocket, _: unknown, done: () => void) => {
      resumed.push(socket.isSessionReused());
      done();
    },
    onData: (stream: NodeJS.ReadableStream, _: unknown, done: () => void) => {
      stream.on('end', done).resume();
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: portOf(server.server), resumed, close: () => server.close() };
}
