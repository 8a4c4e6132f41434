/**
 * A cluster of two workers, each with one server for each way of sharing, that
 * does what it is told: `restart one` after another, `restart all` at once, or
 * `renew` the certificate in each. Answers with the ports when it is done.
 */
import cluster, { type Worker } from 'node:cluster';
import { constants, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:tls';
import { patientClient } from '../patient-client.ts';
import { shareSessions } from '../../src/tls/index.ts';
import { certificate } from '../postfix/certificate.ts';
import { freePort } from '../postfix/instance.ts';
import { greet } from './handshakes.ts';

export interface Ports {
  /** What Node does by itself. */
  plain: number;
  /** The constructor's `ticketKeys`, the same in each worker. */
  ticketKeys: number;
  /** Sessions by id alone, kept by a tlsmgr. */
  ids: number;
}

export type Order = 'restart one' | 'restart all' | 'renew';

const [socketPath = ''] = process.argv.slice(2);

if (cluster.isPrimary) {
  await lead();
} else {
  await serve(JSON.parse(process.env['PORTS']!) as Ports, process.env['PEM']!);
}

async function lead(): Promise<void> {
  const pem = await certificate();
  const ports = { plain: await freePort(), ticketKeys: await freePort(), ids: await freePort() };
  const start = async (): Promise<Worker> => {
    const worker = cluster.fork({ PORTS: JSON.stringify(ports), PEM: pem });
    await once(worker, 'message');
    return worker;
  };
  const stop = async (worker: Worker): Promise<void> => {
    worker.process.kill('SIGKILL');
    await once(worker, 'exit');
  };
  let workers = [await start(), await start()];
  const orders: Record<Order, () => Promise<void>> = {
    async 'restart one'() {
      for (const old of workers) {
        workers = [...workers.slice(1), await start()];
        await stop(old);
      }
    },
    async 'restart all'() {
      await Promise.all(workers.map(stop));
      workers = [await start(), await start()];
    },
    async renew() {
      for (const worker of workers) {
        worker.send('renew');
        await once(worker, 'message');
      }
    },
  };
  process.send!(ports);
  process.on('message', (order: Order) => {
    void orders[order]().then(() => process.send!(ports));
  });
  process.on('disconnect', () => {
    workers.forEach((worker) => worker.process.kill('SIGKILL'));
    process.exit();
  });
}

async function serve(ports: Ports, pem: string): Promise<void> {
  const ticketKeys = createHash('sha384').update('ticket keys of the test').digest();
  const byId = { maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET } as const;
  const servers: Record<keyof Ports, Server> = {
    plain: createServer({ key: pem, cert: pem }, greet),
    ticketKeys: createServer({ key: pem, cert: pem, ticketKeys }, greet),
    ids: createServer({ key: pem, cert: pem, ...byId }, greet),
  };
  await shareSessions(servers.ids, patientClient(socketPath), {
    scope: 'ids',
    // Only a failure takes so long.
    sessionIds: { deadlineMs: 10_000 },
  }).ready;
  for (const [name, server] of Object.entries(servers)) {
    server.listen(ports[name as keyof Ports], '127.0.0.1');
    await once(server, 'listening');
  }
  process.on('message', () => {
    servers.plain.setSecureContext({ key: pem, cert: pem });
    servers.ticketKeys.setSecureContext({ key: pem, cert: pem });
    servers.ids.setSecureContext({ key: pem, cert: pem, ...byId });
    process.send!('renewed');
  });
  process.send!('serving');
}
