/** Where the engine is: servers in turn, TLS, Sentinels and a Cluster, with real ones of each. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { EngineError } from '../../src/fleet/engine/engine.ts';
import { openTestEngine } from './open-test-engine.ts';
import { freePort, joinCluster, RedisServer, skipWithoutRedis, until } from './redis-server.ts';

const value = Buffer.from('sealed');
/** As docs/fleet.md gives them; nodes of a Cluster and Sentinels need the others. */
const rights =
  '~tlsmgr:* +getrange +set +unlink +hsetnx +hset +hdel +hscan +pexpireat +time +ping +hello +auth +select +role +info +client|setname';
const clusterRights = `${rights} +cluster|slots +asking`;
const sentinelRights = '+hello +auth +client|setname +sentinel|get-master-addr-by-name';
const inAnHour = (): number => Date.now() + 3_600_000;

describe('places of an engine', { skip: skipWithoutRedis, concurrency: 5 }, () => {
  describe('servers in turn', { concurrency: 1 }, () => {
    test('the one that is a master is taken, wherever it stands', async () => {
      const none = await freePort();
      const master = await RedisServer.start();
      const replica = await RedisServer.start({ config: [`replicaof 127.0.0.1 ${master.port}`] });
      const open = await openTestEngine({
        servers: `127.0.0.1:${none}, ${replica.address}, ${master.address}`,
      });
      await open.up();
      assert.equal(open.engine.report().server, master.address);
      assert.deepEqual(open.log.take(), [], 'the first round found it');
      await master.kill();
      await replica.command('REPLICAOF', 'NO', 'ONE');
      await until(() => open.engine.report().server === replica.address);
      await open.up();
      await open.engine.set('a', value, inAnHour());
      await open.saidBack();
      const [away = '', back = ''] = open.log.take();
      assert.ok(away.startsWith(`warning: fleet: engine ${master.address} is away (`), away);
      assert.ok(back.startsWith(`fleet: engine ${replica.address} is back after `), back);
      open.close();
      master.close();
      replica.close();
    });
  });

  describe('a server with a name', { concurrency: 1 }, () => {
    test('is found again by its last address when the names fail', async () => {
      const server = await RedisServer.start();
      let addresses: string[] = [];
      const nameServers = {
        resolve4: (): Promise<string[]> =>
          addresses.length > 0
            ? Promise.resolve(addresses)
            : Promise.reject(Object.assign(new Error('no answer'), { code: 'ETIMEOUT' })),
        resolve6: (): Promise<string[]> => Promise.reject(new Error('no answer')),
      };
      const open = await openTestEngine(
        { servers: `redis.example:${server.port}` },
        { names: { hostsPath: '/nonexistent', nameServers } },
      );
      await until(() => open.engine.connection === 'away');
      const [line = ''] = open.log.take();
      assert.match(line, /is away \(redis\.example: no (?:name server answers|answer)/u);
      addresses = ['127.0.0.1'];
      await open.up();
      addresses = [];
      await server.kill();
      await until(() => open.engine.connection === 'away');
      await server.restart();
      await open.up();
      await open.engine.set('a', value, inAnHour());
      open.close();
      server.close();
    });
  });

  describe('TLS', { concurrency: 1 }, () => {
    let server: RedisServer;
    before(async () => {
      server = await RedisServer.start({ tls: true, clientCertificates: true });
    });
    after(() => server.close());

    const withTls = (): Record<string, string> => ({
      servers: server.address,
      tls: 'yes',
      tls_ca_file: server.tls.ca,
      tls_cert_file: server.tls.clientCertificate,
      tls_key_file: server.tls.clientKey,
    });
    const reasonWith = async (values: Record<string, string>): Promise<string> => {
      const open = await openTestEngine(values);
      await until(() => open.engine.connection === 'away');
      const { reason } = open.engine.report();
      open.close();
      return reason;
    };

    test('with the CA and a certificate of ours works', async () => {
      const open = await openTestEngine(withTls());
      await open.up();
      await open.engine.set('a', value, inAnHour());
      assert.deepEqual(await open.engine.get(['a']), [value]);
      open.close();
    });

    test('with another name in the certificate is refused, with that name told works', async () => {
      const { port } = server;
      const hostsPath = join(server.folder, 'hosts');
      writeFileSync(hostsPath, '127.0.0.1 one.example redis.example\n');
      const servers = `one.example:${port}`;
      const refused = await openTestEngine({ ...withTls(), servers }, { names: { hostsPath } });
      await until(() => refused.engine.connection === 'away');
      assert.match(refused.engine.report().reason, /does not match certificate/u);
      refused.close();
      const open = await openTestEngine(
        { ...withTls(), servers, tls_server_name: 'redis.example' },
        { names: { hostsPath } },
      );
      await open.up();
      open.close();
    });

    test('of a CA that is not ours is refused, and a server without TLS too', async () => {
      const { tls_ca_file: _, ...noCa } = withTls();
      assert.match(await reasonWith(noCa), /certificate/u);
      const plain = await RedisServer.start();
      assert.notEqual(await reasonWith({ ...withTls(), servers: plain.address }), '');
      plain.close();
    });

    test('without a certificate of ours is refused', async () => {
      const { tls_cert_file: _, tls_key_file: __, ...noKey } = withTls();
      assert.notEqual(await reasonWith(noKey), '');
    });
  });

  describe('Sentinels', { concurrency: 1 }, () => {
    test('lead to the master, and to the next one after a failover', async (t) => {
      const master = await RedisServer.start();
      const replica = await RedisServer.start({ config: [`replicaof 127.0.0.1 ${master.port}`] });
      const sentinels: RedisServer[] = [];
      for (let count = 0; count < 3; count += 1) {
        sentinels.push(
          await RedisServer.start({
            sentinel: true,
            config: [
              `sentinel monitor fleet 127.0.0.1 ${master.port} 2`,
              'sentinel down-after-milliseconds fleet 1000',
              'sentinel failover-timeout fleet 5000',
            ],
          }),
        );
      }
      const [first] = sentinels as [RedisServer];
      const about = (): Promise<string> => first.command('SENTINEL', 'MASTER', 'fleet');
      await until(async () => {
        const text = await about();
        return /num-slaves\n1\n/u.test(text) && /num-other-sentinels\n2\n/u.test(text);
      });
      const addresses = sentinels.map(({ address }) => address);
      const open = await openTestEngine({
        sentinels: addresses.join(' '),
        sentinel_master: 'fleet',
      });
      await open.up();
      assert.equal(open.engine.report().server, master.address);
      await open.engine.set('a', value, inAnHour());
      await until(async () => (await replica.command('EXISTS', 'tlsmgr:a')) === '1');
      // One of those that are asked is gone as well.
      await first.kill();
      await master.kill();
      const begun = performance.now();
      await until(() => open.engine.connection === 'away');
      await open.up();
      const tookMs = Math.round(performance.now() - begun);
      t.diagnostic(`the next master after ${tookMs} ms`);
      assert.ok(tookMs < 15_000, `${tookMs} ms`);
      assert.equal(open.engine.report().server, replica.address);
      assert.deepEqual(await open.engine.get(['a']), [value]);
      await open.saidBack();
      assert.equal(open.log.take().length, 2, 'away and back');
      open.close();
      for (const server of [master, replica, ...sentinels]) {
        server.close();
      }
    });

    test('that know no such master say so', async () => {
      const sentinel = await RedisServer.start({ sentinel: true });
      const open = await openTestEngine({ sentinels: sentinel.address, sentinel_master: 'other' });
      await until(() => open.engine.connection === 'away');
      assert.equal(open.engine.report().reason, 'the Sentinel knows no master other');
      open.close();
      sentinel.close();
    });

    test('with a password are signed in to as the servers are', async () => {
      const master = await RedisServer.start({ users: [`fleet on >secret ${rights}`] });
      const sentinel = await RedisServer.start({
        sentinel: true,
        config: [
          `sentinel monitor fleet 127.0.0.1 ${master.port} 1`,
          'user default off',
          `user fleet on >secret ${sentinelRights}`,
        ],
      });
      const open = await openTestEngine(
        { sentinels: sentinel.address, sentinel_master: 'fleet', username: 'fleet' },
        { password: 'secret' },
      );
      await open.up();
      assert.equal(open.engine.report().server, master.address);
      open.close();
      sentinel.close();
      master.close();
    });
  });

  describe('a Cluster', { concurrency: 1 }, () => {
    let nodes: RedisServer[];
    before(async () => {
      nodes = [];
      for (let count = 0; count < 4; count += 1) {
        const users = [`fleet on >secret ${clusterRights}`];
        nodes.push(await RedisServer.start({ cluster: true, users }));
      }
      await joinCluster(nodes.slice(0, 3));
    });
    after(() => {
      for (const node of nodes) {
        node.close();
      }
    });

    /** Sessions of many slots. */
    const keys = Array.from({ length: 60 }, (_, index) => `s:smtp:${index}`);

    test('has the keys of all its nodes, also while slots move', async () => {
      const [first, second] = nodes as [RedisServer, RedisServer, RedisServer, RedisServer];
      const open = await openTestEngine(
        { servers: first.address, cluster: 'yes', username: 'fleet' },
        { password: 'secret' },
      );
      await open.up();
      const { engine } = open;
      for (const key of keys) {
        await engine.set(key, Buffer.from(key), inAnHour());
      }
      const sizes = await Promise.all(nodes.slice(0, 3).map((node) => node.command('DBSIZE')));
      assert.ok(
        sizes.every((size) => Number(size) > 0),
        sizes.join(' '),
      );
      assert.equal(await engine.putFieldOnce('k:a:1800:7', 'one', value), true);
      assert.deepEqual(await engine.fields('k:a:1800:7', 8), new Map([['one', value]]));
      assert.ok((await engine.timeMs()) > 0);
      assert.match(await engine.info('server'), /(?:redis|server)_mode:cluster/u);
      const id = await second.command('CLUSTER', 'MYID');
      const target = await first.command('CLUSTER', 'MYID');
      const moved = mustMove(first, id, target, 1500);
      const all = engine.get(keys.slice(0, 10));
      assert.deepEqual(
        await all,
        keys.slice(0, 10).map((key) => Buffer.from(key)),
      );
      await moved;
      for (const key of keys) {
        assert.deepEqual(await engine.get([key]), [Buffer.from(key)], key);
      }
      for (const node of nodes) {
        assert.equal(await node.command('ACL', 'LOG'), '', 'nothing was denied');
      }
      await engine.unlink(keys);
      assert.deepEqual(await engine.get([keys[7]!]), [undefined]);
      assert.deepEqual(open.log.take(), []);
      open.close();
    });

    test('goes on with a replica in the place of a node that is gone', async (t) => {
      const [first, second, third, spare] = nodes as [
        RedisServer,
        RedisServer,
        RedisServer,
        RedisServer,
      ];
      const id = await second.command('CLUSTER', 'MYID');
      await spare.command('CLUSTER', 'MEET', '127.0.0.1', String(first.port));
      await until(async () => (await spare.command('CLUSTER', 'NODES')).includes(id));
      await until(async () => (await spare.command('CLUSTER', 'REPLICATE', id)) === 'OK');
      await until(async () =>
        (await spare.command('INFO', 'replication')).includes('link_status:up'),
      );
      // Who elects the replica has to know it, and who has which slots.
      for (const node of [first, third, spare]) {
        await until(async () => (await node.command('CLUSTER', 'NODES')).includes(`slave ${id}`));
      }
      // The check ends with an error while they don't agree.
      await until(() =>
        first.cluster('check').then(
          () => true,
          () => false,
        ),
      );
      const open = await openTestEngine({
        servers: `${second.address} ${first.address}`,
        cluster: 'yes',
      });
      await open.up();
      await second.kill();
      const begun = performance.now();
      await until(() => open.engine.connection === 'away');
      await assert.rejects(open.engine.get(['a']), EngineError);
      await open.up();
      t.diagnostic(`the next master after ${Math.round(performance.now() - begun)} ms`);
      for (const key of keys) {
        await open.engine.set(key, value, inAnHour());
      }
      open.close();
    });
  });
});

/** Moves slots by redis-cli. */
async function mustMove(node: RedisServer, from: string, to: string, slots: number): Promise<void> {
  const words = ['--cluster-from', from, '--cluster-to', to, '--cluster-slots', String(slots)];
  await node.cluster('reshard', ...words, '--cluster-yes');
}
