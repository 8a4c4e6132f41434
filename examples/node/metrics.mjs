// Counts of TLS handshakes and of calls to tlsmgr, for Prometheus. Here: of an
// https server, at its path /metrics.
//
//   npm install prom-client
//   npx tlsmgr serve
//   TLS_KEY=key.pem TLS_CERT=cert.pem node metrics.mjs
import { subscribe, tracingChannel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Counter, Histogram, register } from 'prom-client';
import { TlsmgrClient } from 'tlsmgr/client';
import { shareSessions } from 'tlsmgr/tls';

const {
  TLSMGR_SOCKET = 'run/tlsmgr.sock',
  TLS_KEY = 'key.pem',
  TLS_CERT = 'cert.pem',
} = process.env;
const { PORT = '8443' } = process.env;

countHandshakes();
timeRequests();

const client = new TlsmgrClient({ socketPath: TLSMGR_SOCKET });
const server = createServer(
  { key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT) },
  (request, response) => {
    if (request.url === '/metrics') {
      void sendMetrics(response);
    } else {
      response.end('hello\n');
    }
  },
);
const sharing = shareSessions(server, client, { scope: 'example.metrics' });
const tellKeys = () =>
  console.log(
    sharing.state === 'sealing' ? `keys of the scope, mode ${sharing.mode}` : 'no keys yet',
  );
void sharing.ready.then(tellKeys);
server.listen(Number(PORT), () => console.log(`port ${server.address().port}`));

async function sendMetrics(response) {
  response.setHeader('Content-Type', register.contentType).end(await register.metrics());
}

process.on('SIGTERM', () => server.close(() => void end()));

async function end() {
  await sharing[Symbol.asyncDispose]();
  await client.close();
}

/** The share of resumed ones: sum by (scope) (rate(...{resumed="true"}[5m])) / sum by (scope) (rate(...[5m])). */
function countHandshakes() {
  const handshakes = new Counter({
    name: 'tls_server_handshakes_total',
    help: 'TLS handshakes that have ended; key: which ticket key has opened the ticket',
    labelNames: ['scope', 'protocol', 'resumed', 'key'],
  });
  subscribe('tlsmgr.server.handshake', ({ scope, protocol, resumed, key = 'none' }) => {
    handshakes.inc({ scope, protocol, resumed: String(resumed), key });
  });
}

function timeRequests() {
  const requests = new Histogram({
    name: 'tlsmgr_client_request_seconds',
    help: 'Calls to tlsmgr, by their outcome',
    labelNames: ['request', 'cache', 'outcome'],
    buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3],
  });
  const startedMs = new WeakMap();
  tracingChannel('tlsmgr.request').subscribe({
    start: (call) => startedMs.set(call, performance.now()),
    asyncStart(call) {
      const { request, cache = 'none', outcome } = call;
      const seconds = (performance.now() - startedMs.get(call)) / 1000;
      requests.observe({ request, cache, outcome }, seconds);
    },
  });
}
