/** The example of a fleet, as far as it can be tried without containers. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parameters } from '../../src/config/parameters.ts';
import { readEngineFile } from '../../src/fleet/engine/engine-file.ts';
import { readFleetSecrets } from '../../src/fleet/secret-file.ts';
import { notBuilt } from '../cli/standalone.ts';
import { documentedRights } from '../fleet/hosts/host-fleet.ts';
import { RedisServer, skipWithoutRedis } from '../fleet/redis-server.ts';
import { root } from '../package/read-package.ts';

const example = join(root, 'examples/fleet');
const read = (name: string): string => readFileSync(join(example, name), 'utf8');
const compose = read('compose.yaml');

describe('what prepare.sh makes', { skip: notBuilt || skipWithoutRedis }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-fleet-example-'));
  const folder = (name: string): string => join(scratch, name);

  before(() => {
    for (const name of ['bin', 'fleet', 'users']) {
      mkdirSync(folder(name));
    }
    symlinkSync(join(root, 'bin/tlsmgr'), folder('bin/tlsmgr'));
    prepare();
  });
  after(() => rmSync(scratch, { recursive: true }));

  function prepare(): void {
    const words = [join(example, 'prepare.sh'), folder('fleet'), folder('users')];
    const { status, stderr } = spawnSync('sh', words, {
      encoding: 'utf8',
      env: { PATH: `${folder('bin')}:${dirname(process.execPath)}:/usr/bin:/bin` },
    });
    assert.equal(status, 0, stderr);
  }

  test('is what tlsmgr reads, and nobody else', () => {
    assert.equal(readFleetSecrets(folder('fleet/secret')).length, 1);
    assert.equal(readEngineFile(folder('fleet/engine.cf')).keyPrefix, 'tlsmgr:');
    for (const name of ['secret', 'password', 'engine.cf', 'tls.pem']) {
      assert.equal(statSync(folder(`fleet/${name}`)).mode & 0o777, 0o600, name);
    }
  });

  test('stays when it is made once more', () => {
    const all = ['secret', 'password', 'tls.pem'];
    const texts = (): string[] => all.map((name) => readFileSync(folder(`fleet/${name}`), 'utf8'));
    const first = texts();
    prepare();
    assert.deepEqual(texts(), first);
  });

  test('lets tlsmgr alone into Redis', async () => {
    const config = read('redis.conf').replace('/etc/redis-users', folder('users')).split('\n');
    const redis = await RedisServer.start({ config });
    try {
      await assert.rejects(redis.command('-e', 'PING'), /NOAUTH/u);
      const user = [
        '--user',
        'tlsmgr',
        '--pass',
        readFileSync(folder('fleet/password'), 'utf8').trim(),
      ];
      const asked = ['--no-auth-warning', '-e'];
      assert.equal(await redis.command(...user, ...asked, 'SET', 'tlsmgr:one', '1'), 'OK');
      await assert.rejects(redis.command(...user, ...asked, 'GET', 'another'), /NOPERM/u);
      await assert.rejects(redis.command(...user, ...asked, 'KEYS', '*'), /NOPERM/u);
    } finally {
      redis.close();
    }
  });
});

test('Redis gives the rights that docs/fleet.md tells', () => {
  assert.ok(read('users.acl').includes(` on >PASSWORD ${documentedRights()}\n`));
});

test('main.cf gets parameters that there are', () => {
  const names = [...read('start-mail.sh').matchAll(/^ {2}(tlsmgr_\w+)=/gmu)].map(
    ([, name]) => name,
  );
  assert.deepEqual(
    names.filter((name) => !parameters.some((parameter) => parameter.name === name)),
    [],
  );
  assert.ok(names.length >= 3);
});

describe('compose.yaml', () => {
  test('names files and folders that there are', () => {
    const [, context] = /context: (\S+)/u.exec(compose)!;
    assert.ok(statSync(join(example, context!, 'Containerfile')).isFile());
    const named = [...`${compose}\n${read('README.md')}`.matchAll(/\/example\/([\w.-]+)/gu)];
    assert.ok(named.length >= 3);
    for (const [, name] of named) {
      assert.ok(statSync(join(example, name!)).isFile(), name);
    }
  });

  test('mounts what the scripts use', () => {
    const used = `${read('start-mail.sh')}${read('redis.conf')}`.matchAll(
      /\/etc\/[\w-]*(?:fleet|users)/gu,
    );
    for (const [path] of used) {
      assert.ok(compose.includes(`:${path}:ro`), path);
    }
  });

  const asked = spawnSync('docker', ['compose', 'version']);
  const skip = asked.status !== 0 && 'no docker with its compose plugin';

  test('is taken by docker compose', { skip }, () => {
    const words = ['compose', '--file', join(example, 'compose.yaml'), 'config', '--quiet'];
    const { status, stderr } = spawnSync('docker', words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  });
});
