// An SMTP server whose clients resume their TLS sessions after it was started anew,
// and at other servers of the same scope. It takes messages and throws them away.
//
//   npm install smtp-server
//   npx tlsmgr serve
//   TLS_KEY=key.pem TLS_CERT=cert.pem node smtp-server.mjs
import { readFileSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';
import { TlsmgrClient } from 'tlsmgr/client';
import { shareSessions } from 'tlsmgr/tls';

const {
  TLSMGR_SOCKET = 'run/tlsmgr.sock',
  TLS_KEY = 'key.pem',
  TLS_CERT = 'cert.pem',
} = process.env;
const { PORT = '2525' } = process.env;

const client = new TlsmgrClient({ socketPath: TLSMGR_SOCKET });
const server = new SMTPServer({
  key: readFileSync(TLS_KEY),
  cert: readFileSync(TLS_CERT),
  disabledCommands: ['AUTH'],
  onData(message, _session, done) {
    message.on('end', done).resume();
  },
});
server.on('error', (error) => console.error(error.message));
const sharing = shareSessions(server, client, { scope: 'example.smtp' });
const tellKeys = () =>
  console.log(
    sharing.state === 'sealing' ? `keys of the scope, mode ${sharing.mode}` : 'no keys yet',
  );
void sharing.ready.then(tellKeys);
const { server: listener } = server;
listener.on('listening', () => console.log(`port ${listener.address().port}`));
server.listen(Number(PORT));

process.on('SIGTERM', () => server.close(() => void end()));

async function end() {
  await sharing[Symbol.asyncDispose]();
  await client.close();
}
