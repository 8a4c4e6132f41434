/** What a remote server can have people shown, by way of Postfix's own client. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import { isUnprintable } from '../../src/log/printable.ts';
import { certificateNamed } from '../cli/named-certificate.ts';
import { runHere } from '../cli/fake-server.ts';
import { PostfixInstance } from './instance.ts';
import { sendMail } from './smtp-client.ts';
import { requireBuilt, skipWithoutPostfix, tlsmgrUnderTest } from './under-test.ts';

const commonName = 'mx\u009b2J\u202egro.elpmaxe\u200b';

/** Greets, starts TLS, and closes once that is done. */
function serve(connection: Socket, pair: { key: string; cert: string }): void {
  connection.on('error', () => undefined).write('220 mx.example.org\r\n');
  connection.on('data', (chunk: Buffer) => {
    if (chunk.toString().startsWith('EHLO')) {
      connection.write('250-mx.example.org\r\n250 STARTTLS\r\n');
      return;
    }
    connection.removeAllListeners('data');
    connection.write('220 go ahead\r\n');
    const secure = new TLSSocket(connection, {
      isServer: true,
      secureContext: createSecureContext(pair),
    });
    // Its first command comes after the ticket.
    secure.on('error', () => undefined).once('data', () => secure.end('421 enough\r\n'));
  });
}

describe('a remote server with a hostile certificate', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance | undefined;
  after(() => postfix?.cleanup());

  test('shows escapes to whoever looks at its session', async () => {
    requireBuilt();
    const pair = certificateNamed(commonName);
    const remote = createServer((connection) => serve(connection, pair));
    remote.listen(0, '127.0.0.1');
    await once(remote, 'listening');
    const { port } = remote.address() as AddressInfo;
    postfix = await PostfixInstance.create({
      tlsmgr: tlsmgrUnderTest,
      mainCf: {
        default_transport: 'smtp',
        relayhost: `[127.0.0.1]:${port}`,
        smtp_tls_security_level: 'encrypt',
      },
    });
    await postfix.start();
    await sendMail(postfix.port, 'somebody@elsewhere.example', 'Mail');
    await postfix.waitForLog(/smtp\[\d+\]: \w+: to=.*status=deferred/u);
    remote.close();
    const onSocket = ['--socket', postfix.socketPath];
    const list = await runHere('list', 'smtp', '--json', ...onSocket);
    const [{ id }] = JSON.parse(list.out) as [{ id: string }];
    for (const json of [[], ['--json']]) {
      const { status, out, err } = await runHere('show', 'smtp', id, ...json, ...onSocket);
      assert.deepEqual([status, err], [0, '']);
      assert.match(out, /mx\\u009b2J\\u202egro\.elpmaxe\\u200b/u);
      assert.equal(isUnprintable(out.replaceAll('\n', '')), false);
    }
  });
});
