/** An engine whose TLS has a fault: the reason is in plain words, and nothing is sent to it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { mustRun } from '../postfix/run-command.ts';
import { openTestEngine } from './open-test-engine.ts';
import { until } from './redis-server.ts';
import { makeTlsFiles, type TlsFiles } from './tls-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-engine-tls-'));
const otherFolder = mkdtempSync(join(tmpdir(), 'tlsmgr-engine-tls-'));
let files: TlsFiles;
let others: TlsFiles;
const expired = join(folder, 'expired.pem');

before(async () => {
  files = await makeTlsFiles(folder);
  others = await makeTlsFiles(otherFolder);
  const request = ['-req', '-in', join(folder, 'redis.csr'), '-CA', files.ca];
  const signing = ['-CAkey', join(folder, 'ca.key'), '-CAcreateserial', '-days', '-1'];
  const extensions = ['-extfile', join(folder, 'redis.ext'), '-out', expired];
  await mustRun('/usr/bin/openssl', ['x509', ...request, ...signing, ...extensions]);
});
after(() => {
  rmSync(folder, { recursive: true });
  rmSync(otherFolder, { recursive: true });
});

function tlsServer(options: () => TlsOptions): () => Server {
  return () => {
    const usual = {
      cert: readFileSync(files.serverCertificate),
      key: readFileSync(files.serverKey),
    };
    return createTlsServer({ ...usual, ...options() }, (socket) => {
      socket.on('error', () => {});
    });
  };
}

function plainServer(serve: (socket: Socket) => void): () => Server {
  return () => {
    return createServer((socket) => {
      socket.on('error', () => {});
      serve(socket);
    });
  };
}

const faults: {
  what: string;
  server: () => Server;
  values?: Record<string, string>;
  reason: RegExp;
}[] = [
  {
    what: 'whose certificate has expired',
    server: tlsServer(() => ({ cert: readFileSync(expired) })),
    reason: /^certificate has expired$/u,
  },
  {
    what: 'whose certificate is of an unknown authority',
    server: tlsServer(() => ({
      cert: readFileSync(others.serverCertificate),
      key: readFileSync(others.serverKey),
    })),
    reason: /^unable to verify the first certificate$|^unable to get local issuer certificate$/u,
  },
  {
    what: 'whose certificate has another name',
    server: tlsServer(() => ({})),
    values: { tls_server_name: 'other.example' },
    reason: /^Hostname\/IP does not match certificate's altnames: Host: other\.example\. is not/u,
  },
  {
    what: 'that wants a certificate of ours',
    server: tlsServer(() => ({ requestCert: true, rejectUnauthorized: true })),
    reason: /^TLS: [a-z0-9 ]*certificate required$/u,
  },
  {
    what: 'that has no protocol in common',
    server: tlsServer(() => ({
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    })),
    reason: /^TLS: [a-z0-9 ]*alert [a-z ]+$/u,
  },
  {
    what: 'that greets without TLS',
    server: plainServer((socket) => socket.write('220 mx.example ESMTP\r\n')),
    reason: /^the server speaks no TLS$/u,
  },
  {
    what: 'that answers without TLS',
    server: plainServer((socket) => socket.on('data', () => socket.write('-ERR unknown\r\n'))),
    reason: /^the server speaks no TLS$/u,
  },
  {
    what: 'that wants TLS where we speak none',
    server: tlsServer(() => ({})),
    values: { tls: 'no' },
    reason: /^Socket closed unexpectedly$/u,
  },
  {
    what: 'that is no Redis',
    server: plainServer((socket) => socket.write('220 mx.example ESMTP\r\n')),
    values: { tls: 'no' },
    reason: /^an answer that is not understood$/u,
  },
];

describe('an engine', { concurrency: true }, () => {
  for (const { what, server: make, values = {}, reason } of faults) {
    test(`${what} is away, with a reason in plain words`, async () => {
      const server = make();
      server.on('tlsClientError', () => {});
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const usual = { servers: address, tls: 'yes' };
      const tls = values['tls'] === 'no' ? {} : { tls_ca_file: files.ca };
      const open = await openTestEngine({ ...usual, ...tls, ...values });
      await until(() => open.engine.connection === 'away');
      assert.match(open.engine.report().reason, reason);
      assert.equal(open.log.take().length, 1);
      open.close();
      server.close();
    });
  }
});
