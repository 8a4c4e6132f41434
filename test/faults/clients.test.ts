/** Clients that nobody wishes for, at a daemon of its own process: others are served as ever. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient } from '../patient-client.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { poll } from '../postfix/poll.ts';
import { eventOrEnd, openSocket } from '../socket/plain-socket.ts';

interface Report {
  connections: {
    accepted: number;
    open: number;
    sizeLimitHits: number;
    connectionLimitHits: number;
  };
  process: { residentBytes: number };
}

/** Log lines come by a pipe, when they come. */
async function untilSaid(daemon: Standalone, pattern: RegExp): Promise<void> {
  await poll(`a line like ${String(pattern)}`, () => pattern.test(daemon.said));
}

describe('rude clients', { skip: notBuilt }, () => {
  const daemons: Standalone[] = [];
  after(() => {
    for (const daemon of daemons) {
      daemon.remove();
    }
  });
  const start = async (descriptors?: number): Promise<[Standalone, TlsmgrClient]> => {
    const daemon = new Standalone();
    daemons.push(daemon);
    await (descriptors === undefined ? daemon.start() : daemon.startWithDescriptors(descriptors));
    return [daemon, patientClient(daemon.socket)];
  };
  const report = async (client: TlsmgrClient): Promise<Report> => (await client.stats()) as Report;

  test('more connections than descriptors: new ones are served, and a line says so', async () => {
    const [daemon, client] = await start(100);
    const crowd: Socket[] = [];
    for (let count = 0; count < 300; count += 1) {
      const socket = await openSocket(daemon.socket);
      socket.resume();
      crowd.push(socket);
    }
    assert.equal((await client.seed(32)).length, 32);
    const { connections } = await report(client);
    assert.ok(connections.connectionLimitHits >= 200, 'made no room');
    assert.ok(connections.open <= 75, `${connections.open} are open`);
    assert.ok(readdirSync(`/proc/${daemon.pid}/fd`).length < 100, 'no descriptor is left');
    await untilSaid(
      daemon,
      /too many connections to tlsmgr socket: .* \d+ \(tlsmgr_connection_limit\)/u,
    );
    assert.match(daemon.said, /the limit of open files, 100, leaves room for \d+ connections/u);
    for (const socket of crowd) {
      socket.destroy();
    }
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await client.policy('smtpd')).cachable, true);
    }
    void client.close();
    assert.equal(await daemon.stop(), 0);
  });

  test('others have the descriptors: who comes is served, and nobody is closed without a word', async () => {
    const daemon = new Standalone();
    daemons.push(daemon);
    const egd = join(daemon.folder, 'egd');
    await daemon.startWithDescriptors(64, '-o', `tlsmgr_egd_listen=${egd}`);
    const others: Socket[] = [];
    for (let count = 0; count < 24; count += 1) {
      others.push(await openSocket(egd));
    }
    const crowd: Socket[] = [];
    let greeted = 0;
    for (let count = 0; count < 60; count += 1) {
      const socket = await openSocket(daemon.socket);
      socket.once('data', () => {
        greeted += 1;
      });
      crowd.push(socket);
    }
    await poll('a word to each', () => greeted === crowd.length);
    const client = patientClient(daemon.socket);
    assert.equal((await client.seed(32)).length, 32);
    void client.close();
    for (const socket of [...crowd, ...others]) {
      socket.destroy();
    }
    assert.equal(await daemon.stop(), 0);
  });

  test('a value without end is cut off, and takes no memory', async () => {
    const [daemon, client] = await start();
    await client.seed(32);
    const socket = await openSocket(daemon.socket);
    socket.resume();
    socket.write('request\0update\0cache_type\0smtpd\0cache_id\0n\0session\0');
    const block = Buffer.alloc(1_000_000, 'A');
    let megabytes = 0;
    for (; megabytes < 64 && !socket.destroyed; megabytes += 1) {
      if (!socket.write(block)) {
        await eventOrEnd(socket, 'drain');
      }
    }
    assert.ok(megabytes < 8, `${megabytes} MB were taken`);
    const { connections, process } = await report(client);
    assert.equal(connections.sizeLimitHits, 1);
    assert.ok(process.residentBytes < 150e6, `${process.residentBytes} bytes are resident`);
    await untilSaid(daemon, /is longer than 1048576 bytes \(tlsmgr_request_size_limit\): closed/u);
    void client.close();
    assert.equal(await daemon.stop(), 0);
  });

  test('half a request and a reader that never reads hold up nobody', async () => {
    const [daemon, client] = await start();
    const half = await openSocket(daemon.socket);
    half.write('request\0look');
    const deaf = await openSocket(daemon.socket);
    deaf.pause();
    deaf.write(Buffer.alloc(33 * 40_000, 'request\0policy\0cache_type\0smtpd\0\0'));
    for (let count = 0; count < 100; count += 1) {
      await client.update('smtpd', `id ${count}`, Buffer.from(`session ${count}`));
      const found = await client.lookup('smtpd', `id ${count}`);
      assert.equal(found?.toString(), `session ${count}`);
    }
    half.destroy();
    deaf.destroy();
    void client.close();
    assert.equal(await daemon.stop(), 0);
  });

  test('a storm of connections that ask nothing leaves nothing behind', async () => {
    const [daemon, client] = await start();
    await client.seed(32);
    const before = readdirSync(`/proc/${daemon.pid}/fd`).length;
    let { connections } = await report(client);
    const others = connections.accepted;
    let made = 0;
    for (let count = 0; count < 1000; count += 1) {
      (await openSocket(daemon.socket)).destroy();
      made += 1;
    }
    for (let tries = 0; tries < 50_000; tries += 1) {
      ({ connections } = await report(client));
      if (connections.accepted === others + made && connections.open === 1) {
        break;
      }
    }
    assert.equal(connections.accepted, others + made);
    assert.equal(connections.open, 1);
    assert.equal(readdirSync(`/proc/${daemon.pid}/fd`).length, before);
    void client.close();
    assert.equal(await daemon.stop(), 0);
  });
});
