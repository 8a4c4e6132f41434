/** Whom install asks after the change: addresses of smtpd by master.cf, and a socket as old programs ask it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseLine } from '../../src/cli/postfix/master-line.ts';
import { whoAnswers } from '../../src/cli/probe.ts';
import { smtpAddresses } from '../../src/cli/install/smtpd-services.ts';

describe('the addresses of smtpd', () => {
  const usual = {
    inet_interfaces: 'all',
    inet_protocols: 'all',
    smtpd_tls_wrappermode: 'no',
  };
  const shown = (lines: readonly string[], parameters: Partial<typeof usual> = {}): string[] =>
    smtpAddresses(
      lines.map((line) => parseLine(line)),
      { ...usual, ...parameters },
    ).map(({ host, port, wrapped }) => `${host} ${port}${wrapped ? ' wrapped' : ''}`);

  for (const [line, address] of [
    ['smtp inet n - y - - smtpd', '127.0.0.1 25'],
    ['2525 inet n - y - - smtpd', '127.0.0.1 2525'],
    ['192.0.2.1:587 inet n - y - - smtpd', '192.0.2.1 587'],
    ['[2001:db8::1]:smtp inet n - y - - smtpd', '2001:db8::1 25'],
    ['mx.example.net:submission inet n - y - - smtpd', 'mx.example.net 587'],
    ['smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes', '127.0.0.1 465 wrapped'],
    ['465 inet n - y - - smtpd -v -o { smtpd_tls_wrappermode = YES }', '127.0.0.1 465 wrapped'],
    ['25 inet n - y - - smtpd -o inet_interfaces=192.0.2.7', '192.0.2.7 25'],
    ['smtp inet n - y - 1 postscreen', '127.0.0.1 25'],
    // Nothing that can be connected to, nor that speaks SMTP.
    ['smtpd pass - - y - - smtpd', undefined],
    ['smtp unix - - y - - smtp', undefined],
    ['no-such-service inet n - y - - smtpd', undefined],
    ['628 inet n - y - - qmqpd', undefined],
  ] as const) {
    test(`${line}: ${address ?? 'none'}`, () => {
      assert.deepEqual(shown([line]), address === undefined ? [] : [address]);
    });
  }

  test('go by inet_interfaces and inet_protocols where the line names no host', () => {
    const line = 'smtp inet n - y - - smtpd';
    assert.deepEqual(shown([line], { inet_protocols: 'ipv6' }), ['::1 25']);
    assert.deepEqual(shown([line], { inet_interfaces: 'loopback-only' }), ['127.0.0.1 25']);
    assert.deepEqual(shown([line], { inet_interfaces: '[::1], 192.0.2.1' }), ['::1 25']);
    assert.deepEqual(shown([line], { smtpd_tls_wrappermode: 'yes' }), ['127.0.0.1 25 wrapped']);
  });

  test('postscreen comes last', () => {
    const lines = ['smtp inet n - y - 1 postscreen', 'submission inet n - y - - smtpd'];
    assert.deepEqual(shown(lines), ['127.0.0.1 587', '127.0.0.1 25']);
  });
});

test('a server that speaks first is no answer to the programs of Postfix 3.5', async (t) => {
  const folder = mkdtempSync('/tmp/tlsmgr-probe-');
  const socketPath = join(folder, 'socket');
  const server = createServer((socket) => {
    socket.on('error', () => {}).write('protocol\0tlsmgr_protocol\0\0');
    socket.on('data', (asked) => {
      const isSeed = asked.includes('\0seed\0');
      const reply = isSeed ? 'seed\0AAAA' : 'cachable\x001\0timeout\x003600';
      socket.write(`status\x000\0${reply}\0\0`);
    });
  }).listen(socketPath);
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  await once(server, 'listening');
  assert.equal((await whoAnswers({ socketPath, announcement: true })).kind, 'original');
  await assert.rejects(whoAnswers({ socketPath, announcement: false }), {
    code: 'UNAVAILABLE',
    message: /: it speaks first, which the programs of this Postfix take for an answer$/u,
  });
});
