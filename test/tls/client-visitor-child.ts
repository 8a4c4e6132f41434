/**
 * Visits `localhost:PORT` so many times as a program of a certain kind, which
 * knows nothing of tlsmgr: `client-visitor-child.ts KIND PORT TIMES`. The
 * authority is in the variable CA.
 */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { Agent as HttpsAgent, get } from 'node:https';
import { connect as connectTls } from 'node:tls';

const [kind, port, times] = process.argv.slice(2);
const ca = process.env['CA']!;
const host = 'localhost';
const url = `https://${host}:${port}/`;

const kinds: Record<string, () => Promise<() => Promise<void>>> = {
  'node:tls': async () => async () => {
    const socket = connectTls({ host, port: Number(port), ca });
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
  },
  https: async () => {
    const agent = new HttpsAgent({ ca });
    return () =>
      new Promise((resolve, reject) => {
        get(url, { agent }, (response) => void response.resume().on('close', resolve)).on(
          'error',
          reject,
        );
      });
  },
  // It trusts NODE_EXTRA_CA_CERTS.
  fetch: async () => async () => {
    const answer = await fetch(url);
    await answer.text();
  },
  'undici Agent': async () => {
    const { Agent, request } = await import('undici');
    return async () => {
      const dispatcher = new Agent({ connect: { ca } });
      const { body } = await request(url, { dispatcher });
      await body.text();
      await dispatcher.close();
    };
  },
  http2: async () => async () => {
    const session = connectHttp2(url, { ca });
    const stream = session.request({ ':path': '/' });
    stream.resume();
    await once(stream, 'close');
    session.close();
    await once(session, 'close');
  },
  'nodemailer 465': async () => mailer({ secure: true }),
  'nodemailer STARTTLS': async () => mailer({ secure: false, requireTLS: true }),
};

async function mailer(options: object): Promise<() => Promise<void>> {
  const { default: nodemailer } = await import('nodemailer');
  const transport = nodemailer.createTransport({
    host,
    port: Number(port),
    tls: { ca },
    ...options,
  });
  return async () => {
    await transport.sendMail({ from: 'a@localhost', to: 'b@localhost', text: 'one' });
  };
}

const visit = await kinds[kind!]!();
for (let count = 0; count < Number(times); count += 1) {
  await visit();
}
