/**
 * An LMTP server (RFC 2033) that offers STARTTLS and throws away what it gets:
 * somebody for Postfix's lmtp(8) to keep TLS sessions with. Takes one command
 * at a time, as a client without PIPELINING sends them.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';

export class LmtpServer {
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  /** @param pem private key and certificate. */
  static async start(pem: string): Promise<LmtpServer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new LmtpServer(server, createSecureContext({ key: pem, cert: pem }));
  }

  private constructor(server: Server, context: SecureContext) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.on('close', () => this.#open.delete(socket));
      socket.write('220 lmtp.example ready\r\n');
      talk(socket, context);
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) {
      socket.destroy();
    }
  }
}

/** @param context what STARTTLS takes; undefined once TLS is on. */
function talk(socket: Socket, context: SecureContext | undefined): void {
  // A client that goes away ends its conversation, nothing else.
  socket.on('error', () => socket.destroy());
  const lines = createInterface({ input: socket });
  let inMessage = false;
  const answer = (text: string): void => {
    socket.write(`${text}\r\n`);
  };
  lines.on('line', (line) => {
    if (inMessage) {
      inMessage = line !== '.';
      if (!inMessage) {
        answer('250 thrown away');
      }
      return;
    }
    const verb = line.split(' ', 1)[0]!.toUpperCase();
    if (verb === 'LHLO') {
      answer(context === undefined ? '250 lmtp.example' : '250-lmtp.example\r\n250 STARTTLS');
    } else if (verb === 'STARTTLS' && context !== undefined) {
      lines.removeAllListeners();
      lines.close();
      answer('220 go ahead');
      talk(new TLSSocket(socket, { isServer: true, secureContext: context }), undefined);
    } else if (verb === 'DATA') {
      inMessage = true;
      answer('354 go on');
    } else if (verb === 'QUIT') {
      socket.end('221 bye\r\n');
    } else {
      answer('250 ok');
    }
  });
}
