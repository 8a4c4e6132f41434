/** How the metrics come to listen: nobody waits for a name, and what can't be had is tried again. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { MetricsEndpoint } from '../../src/metrics/endpoint.ts';
import { HostAddress, type HostAddressOptions } from '../../src/metrics/host-address.ts';
import type { Logger } from '../../src/log/logger.ts';
import { freePort } from '../postfix/instance.ts';
import { poll } from '../postfix/poll.ts';
import { serveInSilence, skipWithoutSilence } from '../silent-name-server.ts';
import { scratchDirectory, TestClock, TestTimers } from '../log/scratch.ts';
import { get } from './http-client.ts';

const folder = scratchDirectory();

function noAddress(): Promise<string[]> {
  return Promise.reject(Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' }));
}

describe('the address of a host', () => {
  const hostsPath = join(folder, 'hosts');
  writeFileSync(
    hostsPath,
    '# a comment\n::1 localhost both\n127.0.0.3\tboth Mx.Example # five\n#127.0.0.4 five\nrubbish six\n',
  );

  for (const [host, known] of [
    ['192.0.2.7', '192.0.2.7'],
    ['fe80::1', 'fe80::1'],
    ['localhost', '::1'],
    ['both', '127.0.0.3'],
    ['mx.example', '127.0.0.3'],
    ['five', undefined],
    ['six', undefined],
  ] as const) {
    test(`${host}: ${known ?? 'the name servers are asked'}`, () => {
      assert.equal(new HostAddress(host, { hostsPath }).known, known);
    });
  }

  test('localhost needs no file', () => {
    const none = { hostsPath: join(folder, 'none') };
    assert.equal(new HostAddress('LOCALHOST', none).known, '127.0.0.1');
    assert.equal(new HostAddress('other', none).known, undefined);
  });

  test('of IPv6 where there is none of IPv4', async () => {
    const resolver = { resolve4: noAddress, resolve6: () => Promise.resolve(['2001:db8::1']) };
    assert.equal(
      await new HostAddress('mx.example', { hostsPath: '', resolver }).ask(),
      '2001:db8::1',
    );
  });

  test('a reason in words', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const resolver = new Resolver({ timeout: 20, tries: 1 });
    resolver.setServers([`127.0.0.1:${silent.address().port}`]);
    await assert.rejects(new HostAddress('mx.example', { resolver }).ask(), {
      message: "no name server answers, and /etc/hosts doesn't have the host",
    });
    silent.close();
    const none = { resolve4: noAddress, resolve6: noAddress };
    await assert.rejects(new HostAddress('mx.example', { resolver: none }).ask(), {
      message: 'the host has no address in /etc/hosts or DNS',
    });
  });
});

test(
  'a daemon serves and ends at once though no name server answers',
  { skip: skipWithoutSilence, timeout: 30_000 },
  async () => {
    const startedMs = performance.now();
    const { daemon, said, close } = await serveInSilence(folder, '127.0.0.99', [
      'tlsmgr_metrics_listen=mx.example.com:9',
    ]);
    await poll('service', () => said().includes('serving on'));
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
    // The system's look-up gives up after ten, and the process ends no sooner.
    assert.ok(performance.now() - startedMs < 8000, said());
    close();
  },
);

describe('a port for metrics', () => {
  interface Opened {
    endpoint: MetricsEndpoint;
    timers: TestTimers;
    /** Warnings and infos. */
    said: string[];
  }

  function open(host: string, port: number, names: HostAddressOptions = {}): Opened {
    const timers = new TestTimers(new TestClock());
    const said: string[] = [];
    const tell = (text: string): void => void said.push(text);
    const log: Logger = { verbose: 0, info: tell, warning: tell, error: tell };
    const endpoint = new MetricsEndpoint({
      address: { kind: 'tcp', host, port },
      hostname: 'mx.example',
      log,
      names: { hostsPath: join(folder, 'none'), ...names },
      schedule: timers.schedule,
    });
    return { endpoint, timers, said };
  }

  const serve = (endpoint: MetricsEndpoint): void => {
    endpoint.serve(
      () => assert.fail('nobody asks for it'),
      () => {},
    );
  };

  test('nobody waits for the name servers', async () => {
    const port = await freePort();
    let found = (_addresses: string[]): void => {};
    const asked = new Promise<string[]>((resolve) => (found = resolve));
    const { endpoint, said } = open('mx.example', port, {
      resolver: { resolve4: () => asked, resolve6: noAddress },
    });
    await endpoint.listenOnPort();
    serve(endpoint);
    assert.deepEqual(said, []);
    found(['127.0.0.1']);
    await poll('the port', () => said.length > 0);
    assert.deepEqual(said, [`metrics and a page are served on mx.example:${port}`]);
    assert.equal((await get({ host: '127.0.0.1', port }, '/page.css')).status, 200);
    endpoint.close();
  });

  test('a name that has no address is told once, and asked for again', async () => {
    const port = await freePort();
    let asked = 0;
    const { endpoint, timers, said } = open('mx.example', port, {
      resolver: {
        resolve4: () => ((asked += 1) < 3 ? noAddress() : Promise.resolve(['127.0.0.1'])),
        resolve6: noAddress,
      },
    });
    await endpoint.listenOnPort();
    serve(endpoint);
    for (const times of [1, 2]) {
      await poll('a timer', () => timers.armed === 1 && asked === times);
      timers.advance(10_000);
    }
    await poll('the port', () => said.length > 1);
    assert.deepEqual(said, [
      `tlsmgr_metrics_listen = mx.example:${port}: the host has no address in /etc/hosts or DNS: no metrics yet`,
      `tlsmgr_metrics_listen = mx.example:${port}: served now`,
    ]);
    endpoint.close();
  });

  test('an address that this host has not yet is tried again', async () => {
    const port = await freePort();
    let asked = 0;
    const { endpoint, timers, said } = open('mx.example', port, {
      resolver: {
        // The first is for documentation, RFC 5737: nobody has it.
        resolve4: () => Promise.resolve([(asked += 1) < 2 ? '192.0.2.1' : '127.0.0.1']),
        resolve6: noAddress,
      },
    });
    await endpoint.listenOnPort();
    serve(endpoint);
    await poll('a timer', () => timers.armed === 1);
    timers.advance(10_000);
    await poll('the port', () => said.length > 1);
    assert.deepEqual(said, [
      `tlsmgr_metrics_listen = mx.example:${port}: Cannot assign requested address: no metrics yet`,
      `tlsmgr_metrics_listen = mx.example:${port}: served now`,
    ]);
    endpoint.close();
  });

  test('one in use is told after ten tries, and tried on', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { endpoint, timers, said } = open('127.0.0.1', port);
    await endpoint.listenOnPort();
    serve(endpoint);
    for (let tries = 1; tries < 10; tries += 1) {
      assert.deepEqual(said, []);
      await poll('a timer', () => timers.armed === 1);
      timers.advance(250);
    }
    await poll('the warning', () => said.length === 1 && timers.armed === 1);
    assert.equal(endpoint.fault, `127.0.0.1:${port}: Address already in use`);
    timers.advance(10_000);
    await poll('a timer', () => timers.armed === 1);
    other.close();
    await once(other, 'close');
    timers.advance(10_000);
    await poll('the port', () => said.length > 1);
    assert.deepEqual(said, [
      `tlsmgr_metrics_listen = 127.0.0.1:${port}: Address already in use: no metrics yet`,
      `tlsmgr_metrics_listen = 127.0.0.1:${port}: served now`,
    ]);
    assert.equal(endpoint.fault, '');
    endpoint.close();
  });
});
