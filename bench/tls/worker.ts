/**
 * One worker of workers.ts: three https servers, one for each way of keeping
 * ticket keys. Their ports, the socket of the tlsmgr and the certificate come in
 * the environment. Messages: `{ certificate }` renews it in all three, `usage`
 * asks for processor time, `stop` ends the worker once it has answered everybody.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { TlsmgrClient } from '../../src/client/index.ts';
import { type SharedSessions, shareSessions } from '../../src/tls/index.ts';

export const ways = ['ring', 'single', 'none'] as const;
export type Way = (typeof ways)[number];

export interface WorkerSetUp {
  ports: Record<Way, number>;
  socketPath: string;
  pem: string;
}

export type ToWorker = { certificate: string } | 'usage' | 'stop';
export type FromWorker = 'serving' | 'renewed' | { microseconds: number };

/** For the first keys; a service must start without a tlsmgr too. */
const longestWaitMs = 10_000;

if (cluster.isWorker) {
  await serve(JSON.parse(process.env['SET_UP']!) as WorkerSetUp);
}

async function serve({ ports, socketPath, pem }: WorkerSetUp): Promise<void> {
  const client = new TlsmgrClient({ socketPath });
  const servers: Server[] = [];
  const shared: SharedSessions[] = [];
  for (const way of ways) {
    const server = createServer({ key: pem, cert: pem }, (_request, response) => {
      response.end('!');
    });
    server.keepAliveTimeout = 1;
    if (way !== 'none') {
      const sharing = shareSessions(server, client, { scope: `bench ${way}`, keys: way });
      shared.push(sharing);
      await Promise.race([sharing.ready, pause(longestWaitMs)]);
    }
    server.listen(ports[way], '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
  }
  process.on('message', (message: ToWorker) => {
    if (message === 'stop') {
      cluster.worker!.disconnect();
    } else if (message === 'usage') {
      const { user, system } = process.cpuUsage();
      tell({ microseconds: user + system });
    } else {
      const { certificate } = message;
      servers.forEach((server) => server.setSecureContext({ key: certificate, cert: certificate }));
      tell('renewed');
    }
  });
  process.on('disconnect', () => process.exit());
  tell('serving');
}

function tell(message: FromWorker): void {
  process.send!(message);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
