/** An SMTP session that waits, greeted, before it asks for TLS. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

export class SmtpSession {
  #socket: Socket;
  /** Whether the handshake has resumed a session. */
  resumed = false;
  /** The TLS session that came last. */
  session: Buffer | undefined;

  /** Connected, and past EHLO. @throws Error when that fails. */
  static async open(port: number, host = '127.0.0.1'): Promise<SmtpSession> {
    const socket = connect({ port, host });
    await once(socket, 'connect');
    const session = new SmtpSession(socket);
    await session.#lastLine();
    await session.#say('EHLO client.example');
    return session;
  }

  private constructor(socket: Socket) {
    this.#socket = noErrors(socket);
  }

  /** Does the handshake. Gives the reply to a NOOP under TLS. @throws Error when either fails. */
  async startTls(options: ConnectionOptions = {}): Promise<string> {
    const reply = await this.#say('STARTTLS');
    if (!reply.startsWith('220')) {
      throw new Error(`STARTTLS: ${reply}`);
    }
    const secured = connectTls({ ...options, socket: this.#socket, rejectUnauthorized: false });
    secured.on('session', (session: Buffer) => {
      this.session = session;
    });
    await once(secured, 'secureConnect');
    this.resumed = secured.isSessionReused();
    this.#socket = noErrors(secured);
    // Sessions of TLS 1.3 come before the reply.
    return this.#say('NOOP');
  }

  /** Ends it in order. A server may forget the session of a connection that is cut off. */
  async quit(): Promise<void> {
    await this.#say('QUIT');
    const socket = this.#socket;
    if (!socket.closed) {
      const closed = new Promise((resolve) => void socket.once('close', resolve));
      socket.resume().end();
      await closed;
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #say(command: string): Promise<string> {
    this.#socket.write(`${command}\r\n`);
    return this.#lastLine();
  }

  /** Of a reply: nothing more comes before the next command. */
  async #lastLine(): Promise<string> {
    if (this.#socket.destroyed) {
      throw new Error('connection closed');
    }
    const lines = createInterface({ input: this.#socket });
    const close = (): void => lines.close();
    this.#socket.once('close', close);
    try {
      for await (const line of lines) {
        if (!/^\d{3}-/u.test(line)) {
          return line;
        }
      }
      throw new Error('connection closed');
    } finally {
      this.#socket.removeListener('close', close);
      lines.close();
    }
  }
}

/** What has failed is closed as well, and whoever waits for a line hears of that. */
function noErrors(socket: Socket): Socket {
  return socket.on('error', () => undefined);
}
