// https workers that resume each other's TLS sessions: over a restart of each
// worker, over a restart of the whole program, and over a change of the certificate.
//
//   npx tlsmgr serve
//   TLS_KEY=key.pem TLS_CERT=cert.pem node https-cluster.mjs
//   kill -HUP NUMBER       starts the workers anew, one after another
import cluster from 'node:cluster';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import { TlsmgrClient } from 'tlsmgr/client';
import { shareSessions } from 'tlsmgr/tls';

const {
  TLSMGR_SOCKET = 'run/tlsmgr.sock',
  TLS_KEY = 'key.pem',
  TLS_CERT = 'cert.pem',
} = process.env;
const { PORT = '8443', WORKERS = '4' } = process.env;

if (cluster.isPrimary) {
  await runPrimary();
} else {
  await runWorker();
}

async function runPrimary() {
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit()));
  process.on('SIGHUP', () => void restartWorkers());
  let address;
  for (let count = 0; count < Number(WORKERS); count += 1) {
    [address] = await once(cluster.fork(), 'listening');
  }
  console.log(`process ${process.pid}: ${WORKERS} workers on port ${address.port}`);
}

/** Each new worker listens before an old one ends. */
async function restartWorkers() {
  for (const old of Object.values(cluster.workers)) {
    await once(cluster.fork(), 'listening');
    old.disconnect();
    await once(old, 'exit');
  }
  console.log('all workers are new');
}

async function runWorker() {
  const client = new TlsmgrClient({ socketPath: TLSMGR_SOCKET });
  const server = createServer(
    { key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT) },
    ({ socket }, response) => {
      const kind = socket.isSessionReused() ? 'resumed' : 'full';
      response.end(`worker ${process.pid}, a ${kind} handshake\n`);
    },
  );
  const sharing = shareSessions(server, client, { scope: 'example.https' });
  // The keys come in milliseconds. Without a tlsmgr the worker serves all the same.
  await Promise.race([sharing.ready, delay(1000, undefined, { ref: false })]);
  server.listen(Number(PORT));
  await once(cluster.worker, 'disconnect');
  await sharing[Symbol.asyncDispose]();
  await client.close();
  process.exit();
}
