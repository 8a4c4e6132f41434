/** The commands for the engine that check gives, pasted against a real redis-server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fleetEngineFindings } from '../../src/cli/check/fleet-engine.ts';
import { problemFindings } from '../../src/cli/check/problems.ts';
import type { Finding } from '../../src/cli/findings/finding.ts';
import type { Config } from '../../src/config/config.ts';
import { RedisServer, skipWithoutRedis } from '../fleet/redis-server.ts';
import { requirePasteable } from './pasteable.ts';
import { sampleFleet } from './sample-fleet.ts';
import { sampleReport } from './sample-report.ts';

const isRoot = process.getuid!() === 0;
const rights =
  '~tlsmgr:* +getrange +set +unlink +hgetall +hsetnx +hset +hdel +hscan +pexpireat +time +ping +hello +auth +select +role +info +client|setname';

describe("an engine's remedies, pasted", { skip: skipWithoutRedis || !isRoot }, () => {
  let server: RedisServer;
  before(async () => {
    const users = [`tlsmgr on >right ${rights}`, 'weak on >right +auth +ping +hello'];
    server = await RedisServer.start({ tls: true, users });
  });
  after(() => server.close());

  const configWith = (username: string, password: string): Config => {
    const file = join(server.folder, "engine's.cf");
    const passwordFile = join(server.folder, 'the password');
    writeFileSync(passwordFile, `${password}\n`);
    chmodSync(passwordFile, 0o600);
    const lines = [
      `servers = ${server.address}`,
      `username = ${username}`,
      `password_file = ${passwordFile}`,
      'tls = yes',
      `tls_ca_file = ${server.tls.ca}`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    const fleet = { engine: { type: 'redis', file }, ticketKeys: 'shared' };
    return { fleet } as unknown as Config;
  };

  const pasted = (remedy: string): string => {
    requirePasteable(remedy);
    const { stdout, stderr } = spawnSync('bash', ['-c', remedy], { encoding: 'utf8' });
    return stdout + stderr;
  };

  const oneOf = async (config: Config): Promise<Finding> => {
    const [one, ...more] = await fleetEngineFindings(config, []);
    assert.deepEqual(more, []);
    return one!;
  };

  test('a wrong password is no engine that is away, and ping shows when it is right', async () => {
    const refused = await oneOf(configWith('tlsmgr', 'wrong'));
    assert.deepEqual([refused.severity, refused.name], ['warning', 'engine-unusable']);
    assert.match(
      refused.text,
      /^engine \S+ refuses this host: WRONGPASS invalid username-password pair or user is disabled: without/u,
    );
    assert.match(pasted(refused.remedy), /WRONGPASS/u);
    assert.deepEqual(await fleetEngineFindings(configWith('tlsmgr', 'right'), []), []);
    assert.equal(pasted(refused.remedy).trim(), 'PONG');
  });

  test('a user without the rights is refused, and has its ping', async () => {
    const refused = await oneOf(configWith('weak', 'right'));
    assert.equal(refused.name, 'engine-unusable');
    assert.match(refused.text, /^engine \S+ refuses this host: NOPERM /u);
    assert.match(refused.remedy, /rights that docs\/fleet\.md lists/u);
    assert.equal(pasted(refused.remedy).trim(), 'PONG');
  });

  test('what the daemon says gets the same commands, by the file in main.cf', () => {
    const fleet = sampleFleet();
    const reason = 'WRONGPASS invalid username-password pair or user is disabled';
    Object.assign(fleet.engine!, { server: server.address, connection: 'away', reason });
    const problem = (name: string): Finding => {
      const problems = [{ severity: 'warning', name, text: 'x' }];
      const report = { ...sampleReport(), fleet, problems } as never;
      return problemFindings(report, configWith('tlsmgr', 'right'), [])[0]!;
    };
    assert.equal(pasted(problem('engine-away').remedy).trim(), 'PONG');
    assert.match(pasted(problem('engine-refuses-writes').remedy), /^used_memory:/mu);
  });

  test('advice names the user that may not follow it', async () => {
    await server.command('config', 'set', 'appendonly', 'yes');
    try {
      const advice = await oneOf(configWith('tlsmgr', 'right'));
      assert.equal(advice.name, 'engine-persistent');
      assert.match(
        advice.remedy,
        /# as a user of the engine who may do so, in the place of tlsmgr; or write appendonly no into its redis\.conf and restart it$/u,
      );
      assert.match(pasted(advice.remedy), /NOPERM/u);
      await server.command('acl', 'setuser', 'boss', 'on', '>right', '+@all');
      assert.match(pasted(advice.remedy.replaceAll('--user tlsmgr', '--user boss')), /^OK$/mu);
      assert.equal(await server.command('config', 'get', 'appendonly'), 'appendonly\nno');
    } finally {
      await server.command('config', 'set', 'appendonly', 'no');
    }
  });
});
