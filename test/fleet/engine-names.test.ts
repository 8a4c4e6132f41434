/** Addresses of servers: from the hosts file, name servers, and what was known before. */
import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Names, type NameServers } from '../../src/fleet/engine/names.ts';
import { poll } from '../postfix/poll.ts';
import { serveInSilence, skipWithoutSilence } from '../silent-name-server.ts';
import { openTestEngine } from './open-test-engine.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-names-'));
after(() => rmSync(folder, { recursive: true }));
const hostsPath = join(folder, 'hosts');
writeFileSync(hostsPath, '# a fleet\n2001:db8::7 redis1.example one\n192.0.2.7 redis1.example\n');

const fault = (code: string): Error => Object.assign(new Error(code), { code });

/** Name servers that answer as a test says; undefined: never. */
class Servers implements NameServers {
  answer: readonly string[] | Error | undefined = fault('ENOTFOUND');
  asked = 0;

  resolve4(): Promise<string[]> {
    this.asked += 1;
    if (this.answer === undefined) {
      return new Promise(() => {});
    }
    return this.answer instanceof Error
      ? Promise.reject(this.answer)
      : Promise.resolve([...this.answer]);
  }

  resolve6(): Promise<string[]> {
    return this.answer === undefined ? new Promise(() => {}) : Promise.reject(fault('ENODATA'));
  }
}

/** As a Redis that has just started. */
function answer(socket: Socket, text: string): void {
  const replies: Readonly<Record<string, string>> = {
    HELLO: '%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n',
    ROLE: '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n',
    PING: '+PONG\r\n',
  };
  for (const [name] of text.matchAll(/HELLO|ROLE|PING/gu)) {
    socket.write(replies[name]!);
  }
}

describe('the address of a server', () => {
  test('is in the hosts file, and nobody is asked', async () => {
    const nameServers = new Servers();
    const names = new Names({ hostsPath, nameServers });
    assert.deepEqual(await names.addressesOf('Redis1.example'), ['192.0.2.7', '2001:db8::7']);
    assert.deepEqual(await names.addressesOf('localhost'), ['127.0.0.1', '::1']);
    assert.deepEqual(await names.addressesOf('192.0.2.1'), ['192.0.2.1']);
    assert.equal(nameServers.asked, 0);
  });

  test('is what the name servers say, and the last one when they fail or are silent', async () => {
    const nameServers = new Servers();
    const names = new Names({ hostsPath, nameServers });
    nameServers.answer = ['192.0.2.8'];
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.8']);
    nameServers.answer = fault('ESERVFAIL');
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.8']);
    nameServers.answer = ['192.0.2.9'];
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.9']);
    nameServers.answer = undefined;
    const begun = performance.now();
    // Nobody else keeps this process alive meanwhile.
    const alive = setInterval(() => {}, 1000);
    assert.deepEqual(await names.addressesOf('b.example'), ['192.0.2.9']);
    clearInterval(alive);
    const took = performance.now() - begun;
    assert.ok(took > 900 && took < 3000, `${took} ms`);
  });

  test('is tried in each family: one on ::1 alone is reached as localhost', async () => {
    for (const host of ['::1', '127.0.0.1']) {
      const server = createServer((socket) => {
        socket.on('error', () => {}).on('data', (text) => answer(socket, text.toString('latin1')));
      });
      server.listen(0, host);
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const open = await openTestEngine(
        { servers: `localhost:${port}` },
        { names: { hostsPath: '/nonexistent', nameServers: new Servers() } },
      );
      await open.up();
      assert.deepEqual(open.log.take(), []);
      open.close();
      server.close();
    }
  });

  test('that nobody knows rejects with a reason', async () => {
    const names = new Names({
      hostsPath,
      nameServers: new Servers(),
    });
    await assert.rejects(names.addressesOf('d.example'), {
      message: 'd.example: the host has no address in /etc/hosts or DNS',
    });
  });

  test('is given as dns.lookup() gives it', async () => {
    const names = new Names({ hostsPath, nameServers: new Servers() });
    const look = (host: string, all: boolean): Promise<unknown[]> =>
      new Promise((resolve) => {
        names.lookup(host, { all }, (...given: unknown[]) => resolve(given));
      });
    assert.deepEqual(await look('redis1.example', false), [null, '192.0.2.7', 4]);
    const both: LookupAddress[] = [
      { address: '192.0.2.7', family: 4 },
      { address: '2001:db8::7', family: 6 },
    ];
    assert.deepEqual(await look('redis1.example', true), [null, both]);
    const [thrown] = await look('d.example', true);
    assert.ok(thrown instanceof Error);
  });
});

test(
  'a daemon with an engine ends at once though no name server answers',
  { skip: skipWithoutSilence, timeout: 60_000 },
  async () => {
    const path = (name: string): string => join(folder, name);
    writeFileSync(path('secret'), `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    writeFileSync(path('fleet.cf'), 'servers = redis.example.com:6379\n');
    const { daemon, said, close } = await serveInSilence(folder, '127.0.0.67', [
      'tlsmgr_ticket_keys=shared',
      `tlsmgr_fleet_secret_file=${path('secret')}`,
      `tlsmgr_fleet_engine=redis:${path('fleet.cf')}`,
    ]);
    await poll('the engine away', () => said().includes('is away (redis.example.com: no'));
    // Names are asked for again by now, or soon. The system's look-up would take ten seconds.
    const toldMs = performance.now();
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
    const tookMs = performance.now() - toldMs;
    assert.ok(tookMs < 4000, `${tookMs} ms: ${said()}`);
    close();
  },
);
