/** Sessions that OpenSSL made on loopback, TLS 1.2 and 1.3, and bytes that nobody made. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { TlsmgrError } from '../../src/errors.ts';
import { decodeOpensslSession } from '../../src/openssl/session.ts';
import { scratchDirectory } from './scratch.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const skip = hasOpenssl ? false : 'no openssl program to make certificates with';

interface Pair {
  key: string;
  cert: string;
}

function certificate(directory: string, subject: string): Pair {
  const key = join(directory, 'key.pem');
  const cert = join(directory, 'cert.pem');
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'.split(' ');
  execFileSync('openssl', [...words, '-keyout', key, '-out', cert, '-subj', subject], {
    stdio: 'ignore',
  });
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

interface Sessions {
  /** As the client keeps it: with the server's certificate. */
  client: Buffer;
  /** As the server keeps it, when it has no tickets. */
  server: Buffer | undefined;
}

function handshake(
  version: 'TLSv1.2' | 'TLSv1.3',
  serverPair: Pair,
  clientPair: Pair | undefined,
  tickets: boolean,
): Promise<Sessions> {
  return new Promise((resolve, reject) => {
    let ofServer: Buffer | undefined;
    const server = createServer({
      ...serverPair,
      minVersion: version,
      maxVersion: version,
      requestCert: clientPair !== undefined,
      rejectUnauthorized: false,
      sessionIdContext: 'smtpd',
      // SSL_OP_NO_TICKET
      secureOptions: tickets ? 0 : 1 << 14,
    });
    server.on('newSession', (_id, data: Buffer, done: () => void) => {
      ofServer = data;
      done();
    });
    server.on('error', reject);
    server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', reject);
      socket.end('x');
    });
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'mail.example',
        rejectUnauthorized: false,
        ...clientPair,
      });
      let ofClient: Buffer | undefined;
      socket.on('session', (session: Buffer) => {
        ofClient = session;
      });
      socket.on('error', reject);
      socket.resume();
      socket.on('close', () => {
        server.close(() => {
          if (ofClient === undefined) {
            reject(new Error('no session'));
          } else {
            resolve({ client: ofClient, server: ofServer });
          }
        });
      });
    });
  });
}

/** The master key, found as OpenSSL's own program prints it. */
function masterKeyOf(session: Buffer, directory: string): string {
  const path = join(directory, 'session.der');
  writeFileSync(path, session);
  const text = execFileSync('openssl', ['sess_id', '-inform', 'DER', '-in', path, '-text'], {
    encoding: 'utf8',
  });
  return /(?:Master-Key|Resumption PSK): ([0-9A-F]+)/.exec(text)![1]!.toLowerCase();
}

void describe('a session of OpenSSL', { skip }, () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const withClientCertificate of [false, true]) {
      const name = `${version}, client certificate: ${withClientCertificate}`;
      void test(name, async () => {
        const scratch = scratchDirectory();
        const pair = certificate(scratch.path, '/O=Example/CN=mail.example');
        const clientPair = withClientCertificate
          ? certificate(scratch.path, '/CN=client.example')
          : undefined;
        const nowSeconds = Math.floor(Date.now() / 1000);
        for (const tickets of [true, false]) {
          const { client, server } = await handshake(version, pair, clientPair, tickets);
          const summary = decodeOpensslSession(client);
          assert.equal(summary.protocol, version);
          assert.match(summary.cipher, version === 'TLSv1.3' ? /^TLS_AES/ : /^ECDHE-ECDSA-/);
          assert.ok(Math.abs(summary.createdSeconds! - nowSeconds) < 600);
          assert.ok(summary.lifetimeSeconds! > 0);
          assert.equal(summary.peerCertificate?.subject, 'O=Example, CN=mail.example');
          assert.ok(!JSON.stringify(summary).includes(masterKeyOf(client, scratch.path)));
          if (tickets) {
            assert.ok(summary.ticket!.bytes > 0);
            assert.equal(summary.ticket!.fingerprint.length, 64);
          }
          if (server !== undefined) {
            const ofServer = decodeOpensslSession(server);
            assert.equal(ofServer.protocol, version);
            assert.equal(
              ofServer.peerCertificate?.subject,
              withClientCertificate ? 'CN=client.example' : undefined,
            );
            assert.match(ofServer.sessionId, /^[0-9a-f]{64}$/);
          }
          assert.ok(tickets || server !== undefined, 'a server without tickets keeps its sessions');
          damageEverywhere(client);
        }
        scratch.remove();
      });
    }
  }
});

function decodesOrRefuses(bytes: Buffer): void {
  try {
    decodeOpensslSession(bytes);
  } catch (error) {
    assert.ok(error instanceof TlsmgrError && error.code === 'INPUT', String(error));
  }
}

function damageEverywhere(session: Buffer): void {
  for (let at = 0; at < session.length; at += 1) {
    decodesOrRefuses(session.subarray(0, at));
    const flipped = Buffer.from(session);
    flipped[at]! ^= 1 << (at % 8);
    decodesOrRefuses(flipped);
  }
}

void describe('bytes that are no session', () => {
  void test('are refused with an error of our own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        decodesOrRefuses(Buffer.from(bytes));
      }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(0x30, 0x02, 0x04, 0xa1, 0xa3, 1, 2, 3, 0x81, 0x84, 0xff)),
        (bytes) => {
          decodesOrRefuses(Buffer.from([0x30, bytes.length & 0x7f, 2, 1, 1, 2, 2, 3, 3, ...bytes]));
        },
      ),
    );
    assert.throws(() => decodeOpensslSession(Buffer.alloc(0)), { code: 'INPUT' });
  });
});
