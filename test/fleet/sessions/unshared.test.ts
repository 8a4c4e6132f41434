/** Which sessions stay on their host: by their ids, and sessions of TLS 1.3 as OpenSSL makes them. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { isOfThisHost, isTls13 } from '../../../src/fleet/sessions/unshared.ts';
import { decodeOpensslSession } from '../../../src/openssl/session.ts';
import { span } from '../../contracts/session-cache.ts';
import { scratchDirectory } from '../../sessions/scratch.ts';

const digest = 'c0ffee'.repeat(10);

/** As Postfix writes them. */
const smtpId = (nexthop: string, host: string, address: string): string =>
  `relay&${nexthop}&${host}&${address}&&${digest}`;
const smtpdId = (service: string): string => `${digest}&s=${service}&l=805306720`;

const loopbackV4 = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255))
  .map((rest) => `127.${rest.join('.')}`);
const loopback = fc.oneof(
  loopbackV4,
  loopbackV4.map((address) => `::ffff:${address}`),
  fc.constantFrom('::1', '0:0:0:0:0:0:0:1', '::1%lo', '::ffff:7f00:1', '0::1'),
);
const otherAddress = fc.oneof(
  fc.ipV4().filter((address) => !address.startsWith('127.')),
  fc.ipV6().filter((address) => /^[2-9a-e]/iu.test(address)),
  fc.constantFrom('128.0.0.1', '126.255.255.255', '::2', 'fe80::1', '1::1', '::ffff:10.0.0.1'),
);
const port = fc.integer({ min: 1, max: 65_535 }).map(String);

const hostname = fc.constantFrom(
  'mail.example.com',
  '127.example.com',
  'localhost.example.com',
  '127.0.0.1.example.com',
);

describe('the id of a session', () => {
  test('with a loopback address, wherever it is, is of this host', () => {
    fc.assert(
      fc.property(loopback, otherAddress, port, (address, other, number) => {
        for (const id of [
          smtpId(`[${address}]:${number}`, address, address),
          smtpId('example.com', 'mail.example.com', address),
          smtpId(`[${address}]`, 'mail.example.com', other),
          smtpId(`[IPv6:${address}]:${number}`, other, other),
          smtpdId(`[${address}]:${number}`),
          `${address}&${other}`,
        ]) {
          assert.equal(isOfThisHost(id), true, id);
        }
      }),
    );
    fc.assert(
      fc.property(loopbackV4, port, (address, number) => {
        assert.equal(isOfThisHost(smtpdId(`${address}:${number}`)), true);
        assert.equal(isOfThisHost(`${address}:${number}&rest`), true);
      }),
    );
    assert.equal(isOfThisHost(smtpdId('localhost:10025')), true);
    assert.equal(isOfThisHost(smtpdId('LocalHost:10025')), true);
  });

  test('with any other is not', () => {
    fc.assert(
      fc.property(otherAddress, hostname, port, (address, name, number) => {
        for (const id of [
          smtpId(`[${address}]:${number}`, name, address),
          smtpId(name, name, address),
          smtpId(`[${name}]:${number}`, name, address),
          smtpdId(`[${address}]:${number}`),
          smtpdId('smtp'),
          smtpdId('25'),
          smtpdId(`${name}:${number}`),
        ]) {
          assert.equal(isOfThisHost(id), false, id);
        }
      }),
    );
  });

  test('may be any bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (id) => {
        isOfThisHost(id);
      }),
    );
    assert.equal(isOfThisHost(''), false);
    const started = performance.now();
    assert.equal(isOfThisHost('&'.repeat(65_536)), false);
    assert.equal(isOfThisHost('[:'.repeat(32_768)), false);
    assert.ok(performance.now() - started < 1000);
  });
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

interface Sessions {
  /** As smtpd(8) stores them: OpenSSL's i2d_SSL_SESSION(), and nothing before it. */
  server: Buffer[];
  /** As smtp(8) stores it: the same, with the server's certificate. */
  client: Buffer;
}

async function handshake(version: '1.2' | '1.3', tickets: boolean): Promise<Sessions> {
  const scratch = scratchDirectory();
  const path = (name: string): string => join(scratch.path, name);
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'.split(' ');
  const files = ['-keyout', path('key'), '-out', path('cert'), '-subj', '/CN=mail.example'];
  execFileSync('openssl', [...words, ...files], { stdio: 'ignore' });
  const server = createServer({
    key: readFileSync(path('key')),
    cert: readFileSync(path('cert')),
    minVersion: `TLSv${version}`,
    maxVersion: `TLSv${version}`,
    sessionIdContext: 'smtpd',
    // SSL_OP_NO_TICKET
    secureOptions: tickets ? 0 : 1 << 14,
  });
  const stored: Buffer[] = [];
  server.on('newSession', (_id, data: Buffer, done: () => void) => {
    stored.push(Buffer.from(data));
    done();
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    socket.end('x');
  });
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port: number } = server.address() as AddressInfo;
    const client = spawn(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${number}`, '-sess_out', path('session'), '-ign_eof'],
      { stdio: ['ignore', 'ignore', 'ignore'] },
    );
    await once(client, 'exit');
    const words2 = ['sess_id', '-in', path('session'), '-outform', 'DER'];
    return { server: stored, client: execFileSync('openssl', words2) };
  } finally {
    server.close();
    scratch.remove();
  }
}

describe('a session of OpenSSL', { skip: !hasOpenssl && 'no openssl program' }, () => {
  for (const version of ['1.2', '1.3'] as const) {
    for (const tickets of [true, false]) {
      test(`of TLS ${version}, ${tickets ? 'with' : 'without'} tickets`, async () => {
        const { server, client } = await handshake(version, tickets);
        const isStored = version === '1.3' || !tickets;
        assert.equal(server.length > 0, isStored, 'the server stores it');
        for (const bytes of [...server, client]) {
          assert.equal(decodeOpensslSession(bytes).protocol, `TLSv${version}`);
          assert.equal(isTls13(span(bytes)), version === '1.3');
          const ofLength = bytes[1]! >= 0x80 ? bytes[1]! - 0x80 : 0;
          for (let length = 0; length < 14; length += 1) {
            const isWhole = length >= 2 + ofLength + 7;
            assert.equal(isTls13(span(bytes.subarray(0, length))), version === '1.3' && isWhole);
          }
        }
      });
    }
  }
});

describe('what is no session of TLS 1.3', () => {
  test('any bytes, and any end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const isOne = isTls13(span(Buffer.from(bytes)));
        if (isOne) {
          assert.equal(bytes[0], 0x30);
        }
      }),
    );
    assert.equal(isTls13(span('')), false);
    assert.equal(isTls13({ buffer: Buffer.from([0x30]), start: 0, end: 1 }), false);
    // What follows the end of the span is of somebody else.
    const whole = Buffer.from('300702010102020304', 'hex');
    assert.equal(isTls13({ buffer: whole, start: 0, end: 9 }), true);
    assert.equal(isTls13({ buffer: whole, start: 0, end: 8 }), false);
  });
});
