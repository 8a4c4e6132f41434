/** Heartbeats and advice through a real redis-server. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { askedFindings } from '../../src/cli/check/fleet-engine.ts';
import { adviceOf } from '../../src/fleet/engine-advice.ts';
import { readEngineFile } from '../../src/fleet/engine/engine-file.ts';
import { openEngine } from '../../src/fleet/engine/open-engine.ts';
import { Heartbeats } from '../../src/fleet/heartbeat.ts';
import type { HostFacts } from '../../src/fleet/host-facts.ts';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { systemClock } from '../../src/system/clock.ts';
import { after as afterTimer } from '../../src/system/timers.ts';
import { scratchDirectory } from '../log/scratch.ts';
import { keptLog } from './heartbeat-fleet.ts';
import { openTestEngine, type TestEngineOptions } from './open-test-engine.ts';
import { RedisServer, type RedisOptions, skipWithoutRedis, until } from './redis-server.ts';

/** The time between two heartbeats is a hundredth here. */
const faster = 100;

describe('heartbeats through a real server', { skip: skipWithoutRedis }, () => {
  const closing: (() => void)[] = [];
  after(() => closing.forEach((close) => close()));

  async function serverWith(options: RedisOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.start(options);
    closing.unshift(() => server.close());
    return server;
  }

  async function host(
    server: RedisServer,
    name: string,
    changes: Partial<HostFacts> = {},
    values: Record<string, string> = {},
    options: TestEngineOptions = {},
  ): Promise<{ heartbeats: Heartbeats; log: string[] }> {
    const opened = await openTestEngine({ servers: server.address, ...values }, options);
    const log: string[] = [];
    const heartbeats = new Heartbeats({
      engine: opened.engine,
      seals: sealsOf([Buffer.alloc(32, 7)]),
      host: name,
      facts: { version: '1.0.0', keySet: 'tlsmgr', ticketKeys: 'shared', ...changes },
      clock: systemClock,
      after: (seconds, task) => afterTimer(seconds / faster, task),
      random: Math.random,
      log: keptLog(log),
    });
    heartbeats.start();
    closing.unshift(() => {
      heartbeats.stop();
      opened.close();
    });
    return { heartbeats, log };
  }

  test('hosts see each other, and where they differ; the server learns nothing', async () => {
    const server = await serverWith();
    const one = await host(server, 'mx1.example', { lifetimes: { smtpd: 3600 } });
    const two = await host(server, 'mx2.example', { lifetimes: { smtpd: 7200 } });
    await until(() => [one, two].every(({ heartbeats }) => heartbeats.hosts().length === 1));
    const text = 'mx2.example has smtpd_tls_session_cache_timeout 7200s, here 3600s';
    assert.deepEqual(one.heartbeats.warnings(), [{ name: 'fleet-differs', text }]);
    assert.deepEqual(one.log, [`warning: fleet: ${text}`]);
    const { clockDifferenceMs } = one.heartbeats.report();
    assert.ok(Math.abs(clockDifferenceMs!) < 5000, String(clockDifferenceMs));
    assert.doesNotMatch(await server.command('hgetall', 'tlsmgr:h'), /example|version|smtpd/u);
    const livesMs = Number(await server.command('pttl', 'tlsmgr:h'));
    assert.ok(livesMs > 3_600_000 && livesMs < 5_000_000, String(livesMs));
  });

  test('what it writes to disk and may remove is told; a dump is found', async () => {
    const server = await serverWith({
      config: ['appendonly yes', 'maxmemory 64mb', 'maxmemory-policy allkeys-lru'],
    });
    const { heartbeats, log } = await host(server, 'mx1.example');
    await until(() => heartbeats.warnings().length === 2);
    assert.match(log.join('\n'), /\(AOF\)[^]*maxmemory-policy allkeys-lru/u);
    const opened = await openTestEngine({ servers: server.address });
    const { engine } = opened;
    closing.unshift(() => engine.closeNow());
    await opened.up();
    const advice = async (): Promise<string[]> => {
      const persistence = await engine.info('persistence');
      const memory = await engine.info('memory');
      return adviceOf({ persistence, memory }).map(({ setting }) => setting);
    };
    assert.deepEqual(await advice(), ['appendonly', 'maxmemory-policy']);
    await server.command('save');
    assert.deepEqual(await advice(), ['save', 'appendonly', 'maxmemory-policy']);
    const file = join(scratchDirectory(), 'fleet.cf');
    writeFileSync(file, `servers = ${server.address}\n`);
    const asked = await openEngine(readEngineFile(file), {
      log: keptLog([]),
      clock: systemClock,
    });
    const found = await askedFindings(asked, []);
    asked.closeNow();
    const [host_, port] = server.address.split(':');
    assert.equal(found.length, 3);
    assert.ok(found[0]!.remedy.startsWith(`redis-cli -h ${host_} -p ${port} config set save ''`));
    for (const [setting, value] of [
      ['appendonly', 'no'],
      ['maxmemory-policy', 'volatile-ttl'],
    ] as const) {
      await server.command('config', 'set', setting, value);
    }
    assert.deepEqual(await advice(), ['save'], 'the remedies mend it; a dump that was made stays');
  });

  test('a user without the right to INFO takes part all the same', async () => {
    const server = await serverWith({
      users: [
        'default on nopass ~* +@all',
        'fleet on >secret ~tlsmgr:* +hscan +hset +hdel +pexpireat +time +ping +hello +auth +role +client|setname +select',
      ],
    });
    const user = [{ username: 'fleet' }, { password: 'secret' }] as const;
    const one = await host(server, 'mx1.example', {}, ...user);
    const two = await host(server, 'mx2.example', {}, ...user);
    await until(() => [one, two].every(({ heartbeats }) => heartbeats.hosts().length === 1));
    assert.deepEqual([one.log, one.heartbeats.warnings()], [[], []]);
  });
});
