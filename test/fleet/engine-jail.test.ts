/**
 * In a bare chroot: the engine connects by name and reconnects, and after the
 * chroot the process opens no file by name. strace(1) tells.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { RedisServer, skipWithoutRedis, until } from './redis-server.ts';

const strace = '/usr/bin/strace';
const skip =
  skipWithoutRedis ||
  (process.getuid!() === 0 ? false : 'only root may change its root directory') ||
  (existsSync(strace) ? false : `no ${strace}`);

/** Calls that take a path. */
const byName =
  'open,openat,stat,lstat,newfstatat,statx,readlink,readlinkat,access,faccessat,execve';

/** tsx looks for old files of its cache some time after it has added one. */
const withoutCache = { ...process.env, TSX_DISABLE_CACHE: '1' };

describe('an engine in a bare chroot', { skip }, () => {
  for (const tls of [false, true]) {
    test(`connects ${tls ? 'by TLS ' : ''}and reconnects by name, and opens nothing by name`, async () => {
      const server = await RedisServer.start({ tls });
      try {
        const { folder } = server;
        const hosts = join(folder, 'hosts');
        writeFileSync(hosts, '127.0.0.1 redis.example\n');
        const file = join(folder, 'fleet.cf');
        const lines = [`servers = redis.example:${server.port}`];
        if (tls) {
          lines.push('tls = yes', `tls_ca_file = ${server.tls.ca}`);
        }
        writeFileSync(file, `${lines.join('\n')}\n`);
        const trace = join(folder, 'trace');
        const jail = join(folder, 'jail');
        mkdirSync(jail);
        const traced = ['-f', '-qq', '-o', trace, '-e', `trace=${byName},chroot`];
        const program = join(import.meta.dirname, 'engine-jail-child.ts');
        const child = spawn(
          strace,
          [...traced, process.execPath, '--import', 'tsx', program, file, hosts, jail],
          { stdio: ['pipe', 'pipe', 'inherit'], env: withoutCache },
        );
        let output = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
        await until(() => output.includes('up\n'), 60_000);
        await server.kill();
        await until(() => output.includes('away\n'), 60_000);
        await server.restart();
        await until(() => output.includes('up again\n'), 60_000);
        const closed = once(child, 'close');
        child.stdin.end();
        const [status] = (await closed) as [number | null];
        assert.equal(status, 0);
        const calls = readFileSync(trace, 'utf8').split('\n');
        const chroot = calls.findIndex((line) => line.includes('chroot("'));
        assert.ok(chroot > 0, 'it went into the chroot');
        assert.deepEqual(
          calls.slice(chroot + 1).filter((line) => /\("[^"]|, "[^"]/u.test(line)),
          [],
        );
      } finally {
        server.close();
      }
    });
  }
});
