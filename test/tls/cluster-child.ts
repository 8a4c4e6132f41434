/**
 * A cluster of two workers on one port. The first one listens before it has keys
 * of the scope, so that the primary hands its own keys to the second one, which
 * has those of the scope already. The primary tells the port when both share.
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:tls';
import { TlsmgrClient } from '../../src/client/index.ts';
import { shareSessions } from '../../src/tls/index.ts';
import { certificate } from '../postfix/certificate.ts';
import { greet, portOf } from './handshakes.ts';

const [socketPath = '', keys = ''] = process.argv.slice(2);

if (cluster.isPrimary) {
  const pem = await certificate();
  let port = 0;
  for (const order of ['first', 'second']) {
    const worker = cluster.fork({ ORDER: order, PEM: pem });
    [port] = (await once(worker, 'message')) as [number];
  }
  process.send!(port);
  process.on('disconnect', () => {
    for (const worker of Object.values(cluster.workers ?? {})) {
      worker!.kill('SIGKILL');
    }
    process.exit();
  });
} else {
  const pem = process.env['PEM']!;
  const server = createServer({ key: pem, cert: pem }, greet);
  const listen = async (): Promise<void> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  };
  const share = async (): Promise<void> =>
    keys === 'none'
      ? undefined
      : shareSessions(server, new TlsmgrClient({ socketPath, deadlineMs: 10_000 }), {
          scope: 'web',
          keys: keys as 'ring' | 'single',
        }).ready;
  if (process.env['ORDER'] === 'first') {
    await listen();
    await share();
  } else {
    await share();
    await listen();
  }
  process.send!(portOf(server));
}
