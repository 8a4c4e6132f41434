/** An SMTP session that waits, greeted, before it asks for TLS. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';

export class SmtpSession {
  #socket: Socket;

  /** Connected, and past EHLO. */
  static async open(port: number): Promise<SmtpSession> {
    const session = new SmtpSession(connect({ port, host: '127.0.0.1' }));
    await session.#lastLine();
    await session.#say('EHLO client.example');
    return session;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Does the handshake. Gives the reply to a NOOP under TLS. @throws Error when either fails. */
  async startTls(): Promise<string> {
    const reply = await this.#say('STARTTLS');
    if (!reply.startsWith('220')) {
      throw new Error(`STARTTLS: ${reply}`);
    }
    const secured = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    await once(secured, 'secureConnect');
    this.#socket = secured;
    return this.#say('NOOP');
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
    const lines = createInterface({ input: this.#socket });
    try {
      for await (const line of lines) {
        if (!/^\d{3}-/u.test(line)) {
          return line;
        }
      }
      throw new Error('connection closed');
    } finally {
      lines.close();
    }
  }
}
