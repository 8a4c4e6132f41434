// Sends one mail over TLS (port 465), and resumes the TLS session that the last
// run has left in tlsmgr: node outbound-mailer.mjs HOST PORT FROM TO
//
// For STARTTLS (ports 587 and 25) no line is needed:
// TLSMGR_SOCKET=/run/tlsmgr/socket node --import tlsmgr/register mailer.mjs
import { subscribe } from 'node:diagnostics_channel';
import nodemailer from 'nodemailer';
import { TlsmgrClient } from 'tlsmgr/client';
import { ClientSessions } from 'tlsmgr/tls';

const [host, port, from, to] = process.argv.slice(2);
const socketPath = process.env.TLSMGR_SOCKET ?? '/run/tlsmgr/tlsmgr.sock';

subscribe('tlsmgr.client.session', ({ destination, event, why }) => {
  console.log(destination, event, why ?? '');
});

const client = new TlsmgrClient({ socketPath });
const sessions = new ClientSessions(client, { scope: 'mailer' });
const transport = nodemailer.createTransport(
  sessions.nodemailer({ host, port: Number(port), secure: true }),
);
await transport.sendMail({ from, to, subject: 'Hello', text: 'Hello.' });
await client.close();
