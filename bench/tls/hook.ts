/**
 * Ten thousand handshakes through the ticket key callback: does memory stay
 * flat, and what does a handshake cost beside Node's own tickets? One process is
 * server and client, so figures hold both sides.
 *
 *   node --expose-gc --import tsx bench/tls/hook.ts [handshakes]
 */
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { connect, createServer, type Server } from 'node:tls';
import { certificate } from '../../test/postfix/certificate.ts';
import { testClock, TlsmgrDouble } from '../../test/tls/tlsmgr-double.ts';
import { Sharing } from '../../src/tls/share-sessions.ts';

const handshakes = Number(process.argv[2] ?? 10_000);
const rounds = 10;

const pem = await certificate();
const clock = testClock();
const tlsmgr = new TlsmgrDouble(clock);

async function serve(): Promise<Server> {
  const server = createServer({ key: pem, cert: pem }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => void socket.end('!'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** @returns the session that came, and whether the one offered was resumed. */
async function visit(server: Server, version: 'TLSv1.2' | 'TLSv1.3', session?: Buffer) {
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername: 'mx.example',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  let found: Buffer | undefined;
  socket.on('session', (bytes: Buffer) => {
    found = bytes;
  });
  socket.once('secureConnect', () => void socket.write('?'));
  socket.resume();
  await once(socket, 'end');
  const resumed = socket.isSessionReused();
  const kept = found ?? (version === 'TLSv1.2' ? socket.getSession() : session);
  socket.destroy();
  return { resumed, session: kept };
}

async function run(name: string, server: Server): Promise<void> {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    let session: Buffer | undefined;
    let resumed = 0;
    const megabytes: number[] = [];
    const start = process.cpuUsage();
    for (let round = 0; round < rounds; round += 1) {
      for (let count = 0; count < handshakes / rounds; count += 1) {
        const got = await visit(server, version, session);
        ({ session } = got);
        resumed += got.resumed ? 1 : 0;
      }
      globalThis.gc?.();
      megabytes.push(Math.round(process.memoryUsage().rss / 2 ** 20));
    }
    const { user, system } = process.cpuUsage(start);
    const each = ((user + system) / handshakes).toFixed(0);
    console.log(
      `${name} ${version}: ${resumed} of ${handshakes} resumed, ${each} us of processor time each (both sides), resident MB ${megabytes.join(' ')}`,
    );
  }
}

const plain = await serve();
await run('Node alone', plain);
plain.close();
const shared = await serve();
const sharing = new Sharing(shared, tlsmgr, { scope: 'bench' }, clock);
await sharing.ready;
await run(`shared (${sharing.mode})`, shared);
console.log(sharing.stats());
await sharing[Symbol.asyncDispose]();
shared.close();
