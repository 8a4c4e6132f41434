/** Two hosts that share through a real server, watched as an administrator does. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Report } from '../../src/report/report.ts';
import { notBuilt, type Ran, Standalone } from '../cli/standalone.ts';
import { get } from '../metrics/http-client.ts';
import { patientClient } from '../patient-client.ts';
import { freePort } from '../postfix/instance.ts';
import { RedisServer, skipWithoutRedis, until } from './redis-server.ts';

describe('two hosts of a fleet', { skip: notBuilt || skipWithoutRedis }, () => {
  const hosts = [new Standalone(), new Standalone()] as const;
  let server: RedisServer;
  let port: number;

  before(async () => {
    server = await RedisServer.start();
    port = await freePort();
  });
  after(async () => {
    for (const host of hosts) {
      await host.stop();
      host.remove();
    }
    server.close();
  });

  async function startHost(index: 0 | 1, ...more: string[]): Promise<void> {
    const host = hosts[index];
    const secret = join(host.folder, 'secret');
    const engine = join(host.folder, 'engine.cf');
    writeFileSync(secret, `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    writeFileSync(engine, `servers = ${server.address}\n`);
    const settings = [
      `myhostname=mx${index + 1}.example.net`,
      'tlsmgr_ticket_keys=shared',
      `tlsmgr_fleet_secret_file=${secret}`,
      `tlsmgr_fleet_engine=redis:${engine}`,
      ...more,
    ];
    await host.start(...settings.flatMap((setting) => ['-o', setting]));
  }

  const status = (index: 0 | 1, ...form: string[]): Promise<Ran> =>
    hosts[index].run('status', ...form, '--socket', hosts[index].socket);

  async function reportOf(index: 0 | 1): Promise<Report> {
    return JSON.parse((await status(index, '--json')).out) as Report;
  }

  test('the second sees the first, where they differ, and who made the key', async () => {
    await startHost(0);
    await until(async () => (await server.command('hlen', 'tlsmgr:h')) === '1');
    await startHost(
      1,
      'smtpd_tls_session_cache_timeout=7200s',
      `tlsmgr_metrics_listen=127.0.0.1:${port}`,
    );
    const client = patientClient(hosts[1].socket);
    await client.ticketKey();
    await client.close();
    await until(async () => (await reportOf(1)).fleet?.hostCounts.seen === 1);
    const report = await reportOf(1);
    const differs = 'smtpd_tls_session_cache_timeout 3600s, here 7200s';
    assert.deepEqual(
      report.fleet!.hosts.map(({ host, away, differs: told }) => [host, away, told]),
      [['mx1.example.net', false, [differs]]],
    );
    assert.equal(report.fleet!.engine!.connection, 'up');
    assert.equal(report.tickets.keys[0]!.madeBy, 'mx2.example.net');
    assert.deepEqual(
      report.problems.map(({ name, text }) => [name, text]),
      [['fleet-differs', `fleet: mx1.example.net has ${differs}`]],
    );
    const { status: code, out } = await status(1);
    assert.equal(code, 1);
    assert.match(out, /^fleet {7}mx2\.example\.net, key set tlsmgr: (?:joining|sharing), /mu);
    assert.match(out, new RegExp(`^engine {6}${server.address} up for `, 'mu'));
    assert.match(out, /^hosts {7}1 other: mx1\.example\.net$/mu);
    assert.match(
      hosts[1].said,
      new RegExp(`warning: fleet: mx1\\.example\\.net has ${differs}`, 'u'),
    );
    const { out: line } = await status(1, '--nagios');
    assert.match(
      line,
      /^TLSMGR WARNING - fleet: mx1.* engine_up=1;;;0;1 .*hosts=1;;;0; hosts_away=0;/u,
    );
    const { body } = await get({ port }, '/metrics');
    for (const sample of [
      'tlsmgr_fleet_up 1',
      'tlsmgr_fleet_engine_up 1',
      'tlsmgr_fleet_hosts{state="here"} 1',
      'tlsmgr_fleet_hosts{state="differing"} 1',
    ]) {
      assert.ok(body.includes(`\n${sample}\n`), body);
    }
    assert.match(body, /^tlsmgr_ticket_key_number \d+$/mu);
  });

  test('an engine that is gone is a warning on both, and the daemons serve on', async () => {
    await server.kill();
    await until(async () =>
      (await reportOf(0)).problems.some(({ name }) => name === 'engine-away'),
    );
    const { out } = await status(0);
    assert.match(out, /^warning {5}engine 127\.0\.0\.1:\d+ is away: [^]*tlsmgr_fleet_engine\)/mu);
    const client = patientClient(hosts[0].socket);
    assert.equal((await client.ticketKey())?.length, 88);
    await client.close();
    await server.restart();
    await until(async () => (await reportOf(0)).problems.length === 0);
  });
});
