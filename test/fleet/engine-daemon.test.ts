/** The daemon of a fleet under a real Postfix, in its chroot: it opens no file by name there. strace(1) tells. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PostfixInstance } from '../postfix/instance.ts';
import { patientClient, untilAnswered } from '../patient-client.ts';
import { poll } from '../postfix/poll.ts';
import { requireBuilt, skipWithoutPostfix, tlsmgrUnderTest } from '../postfix/under-test.ts';
import { RedisServer, skipWithoutRedis } from './redis-server.ts';

const strace = '/usr/bin/strace';
const skip = skipWithoutRedis || skipWithoutPostfix || (!existsSync(strace) && `no ${strace}`);

/** Calls that take a path; a socket of the log is none that is opened. */
const byName =
  'open,openat,stat,lstat,newfstatat,statx,readlink,readlinkat,access,faccessat,chroot';

test('a daemon with an engine opens nothing by name after its chroot', { skip }, async () => {
  requireBuilt();
  const server = await RedisServer.start();
  let instance: PostfixInstance | undefined;
  try {
    const path = (name: string): string => join(server.folder, name);
    writeFileSync(path('secret'), `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    writeFileSync(path('fleet.cf'), `servers = localhost:${server.port}\n`);
    const words = `-D -f -qq -o ${path('trace')} -e trace=${byName}`;
    const script = `#!/bin/sh\nexec ${strace} ${words} ${tlsmgrUnderTest} "$@"\n`;
    writeFileSync(path('tlsmgr'), script, { mode: 0o755 });
    instance = await PostfixInstance.create({
      tlsmgr: path('tlsmgr'),
      name: 'engine',
      mainCf: {
        tlsmgr_ticket_keys: 'shared',
        tlsmgr_fleet_secret_file: path('secret'),
        tlsmgr_fleet_engine: `redis:${path('fleet.cf')}`,
      },
    });
    await instance.start();
    const client = patientClient(instance.socketPath);
    await untilAnswered(client, () => client.seed(32));
    await instance.waitForLog(/fleet: ticket keys: joining/u);
    await server.kill();
    await instance.waitForLog(/fleet: engine localhost:\d+ is away/u);
    await server.restart();
    await instance.waitForLog(/fleet: engine localhost:\d+ is back/u);
    const pid = instance.tlsmgrPid()!;
    const calls = await poll('the trace', () => {
      const lines = readFileSync(path('trace'), 'utf8').split('\n');
      return lines.some((line) => line.includes('chroot("')) && lines;
    });
    // Of its threads: a postconf(1) that it has started before is a process of its own.
    const threads = new Set(readdirSync(`/proc/${pid}/task`));
    const own = calls.filter((line) => threads.has(line.split(' ', 1)[0]!));
    const chroot = own.findIndex((line) => line.includes('chroot("'));
    assert.ok(chroot > 0, 'it went into its chroot');
    const after = own.slice(chroot + 1).filter((line) => /\("[^"]|, "[^"]/u.test(line));
    assert.deepEqual(after, []);
    assert.equal(instance.tlsmgrPid(), pid);
    await client.close();
  } finally {
    await instance?.stop();
    instance?.cleanup();
    server.close();
  }
});
