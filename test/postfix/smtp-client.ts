/** Hands a mail to an smtpd, in plain text, as a client on the same host. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** @throws Error with the server's words when a command is refused. */
export async function sendMail(
  port: number,
  recipient: string,
  text: string,
  host = '127.0.0.1',
): Promise<void> {
  const socket = connect({ port, host });
  try {
    const replies = createInterface({ input: socket })[Symbol.asyncIterator]();
    const commands = [
      ['', '220'],
      ['EHLO client.example', '250'],
      ['MAIL FROM:<>', '250'],
      [`RCPT TO:<${recipient}>`, '250'],
      ['DATA', '354'],
      [`Subject: ${text}\r\n\r\n${text}\r\n.`, '250'],
      ['QUIT', '221'],
    ] as const;
    for (const [command, expected] of commands) {
      if (command !== '') {
        socket.write(`${command}\r\n`);
      }
      let line: string;
      do {
        const next = await replies.next();
        line = next.done === true ? 'connection closed' : next.value;
      } while (/^\d{3}-/u.test(line));
      if (!line.startsWith(expected)) {
        throw new Error(`${command.split('\r\n', 1)[0]}: ${line}`);
      }
    }
  } finally {
    socket.destroy();
  }
}
