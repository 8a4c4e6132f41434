/** What a standalone tlsmgr and systemd tell each other. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { patientClient, untilAnswered } from '../patient-client.ts';
import { notBuilt, Standalone } from '../cli/standalone.ts';
import { DatagramReceiver, listeningSocket } from './raw-sockets.ts';

const root = join(import.meta.dirname, '../..');
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

async function seedFrom(socketPath: string): Promise<number> {
  const client = patientClient(socketPath);
  const seed = await untilAnswered(client, () => client.seed(32));
  void client.close();
  return seed.length;
}

describe('notifications', { skip: notBuilt, timeout: 60_000 }, () => {
  for (const kind of ['a path', 'an abstract name']) {
    test(`to ${kind}: ready, alive, reloading, stopping`, async () => {
      const tlsmgr = new Standalone();
      const path =
        kind === 'a path' ? join(tlsmgr.folder, 'notify') : `@tlsmgr-test-${process.pid}`;
      const receiver = new DatagramReceiver(path);
      tlsmgr.environment = { ...process.env, NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000' };
      await tlsmgr.start();
      assert.match(await receiver.has(/READY=1/u), /^READY=1\nSTATUS=serving on .*smtp/u);
      await receiver.has(/^WATCHDOG=1$/u);
      const from = receiver.received.length;
      const before = process.hrtime.bigint() / 1000n;
      tlsmgr.signal('SIGHUP');
      const reloading = await receiver.has(/RELOADING=1/u, from);
      const told = BigInt(/MONOTONIC_USEC=(\d+)$/u.exec(reloading)![1]!);
      assert.ok(told >= before && told <= process.hrtime.bigint() / 1000n);
      await receiver.has(/READY=1/u, from + 1);
      await tlsmgr.stop();
      await receiver.has(/^STOPPING=1$/u);
      receiver.close();
      tlsmgr.remove();
    });
  }

  test('nobody there: one warning, and service goes on', async () => {
    const tlsmgr = new Standalone();
    const path = join(tlsmgr.folder, 'nobody');
    tlsmgr.environment = { ...process.env, NOTIFY_SOCKET: path };
    await tlsmgr.start();
    await tlsmgr.says(/warning: cannot tell systemd at .*nobody: No such file or directory/u);
    assert.equal(await seedFrom(tlsmgr.socket), 32);
    await tlsmgr.stop();
    assert.equal(tlsmgr.said.split('cannot tell systemd').length, 2);
    tlsmgr.remove();
  });

  test('a watchdog of another process is none of ours', async () => {
    const tlsmgr = new Standalone();
    const receiver = new DatagramReceiver(join(tlsmgr.folder, 'notify'));
    tlsmgr.environment = {
      ...process.env,
      NOTIFY_SOCKET: join(tlsmgr.folder, 'notify'),
      WATCHDOG_USEC: '1000',
      WATCHDOG_PID: '1',
    };
    await tlsmgr.start();
    assert.equal(await seedFrom(tlsmgr.socket), 32);
    await tlsmgr.stop();
    await receiver.has(/STOPPING=1/u);
    assert.ok(!receiver.received.includes('WATCHDOG=1'));
    receiver.close();
    tlsmgr.remove();
  });
});

describe('sockets handed over', { skip: notBuilt, timeout: 60_000 }, () => {
  test('are served in the place of our own, and left in place at the end', async () => {
    const tlsmgr = new Standalone();
    const paths = ['one', 'two'].map((name) => join(tlsmgr.folder, name));
    const descriptors = paths.map((path) => listeningSocket(path));
    await tlsmgr.startWithSockets(descriptors);
    assert.match(tlsmgr.said, /serving on descriptor 3, 4 of systemd/u);
    assert.equal(existsSync(tlsmgr.socket), false);
    for (const path of paths) {
      assert.equal(await seedFrom(path), 32);
    }
    await tlsmgr.stop();
    assert.ok(paths.every((path) => existsSync(path)));
    for (const fd of descriptors) {
      closeSync(fd);
    }
    tlsmgr.remove();
  });

  test('what is no socket is refused by its number', async () => {
    const tlsmgr = new Standalone();
    const fd = openSync(tlsmgr.folder, 'r');
    await assert.rejects(
      tlsmgr.startWithSockets([fd]),
      /fatal: descriptor 3 of LISTEN_FDS: not a/u,
    );
    closeSync(fd);
    tlsmgr.remove();
  });

  test('those of another process are none of ours', async () => {
    const tlsmgr = new Standalone();
    tlsmgr.environment = { ...process.env, LISTEN_FDS: '1', LISTEN_PID: '1' };
    await tlsmgr.start();
    assert.equal(await seedFrom(tlsmgr.socket), 32);
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  const activate = 'systemd-socket-activate';
  test(
    `by ${activate}: the first client starts it, and is answered`,
    { skip: !has(activate) && `no ${activate}` },
    async () => {
      const tlsmgr = new Standalone();
      const path = join(tlsmgr.folder, 'activated');
      const words = ['-l', path, join(root, 'bin/tlsmgr'), 'serve', '--socket', tlsmgr.socket];
      const child = spawn(activate, words, { stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      await new Promise<void>((resolve) => {
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          if (said.includes('Listening on')) {
            resolve();
          }
        });
      });
      assert.equal(await seedFrom(path), 32);
      assert.match(said, /serving on descriptor 3 of systemd/u);
      child.kill('SIGTERM');
      const [status] = (await once(child, 'exit')) as [number | null];
      assert.equal(status, 0, said);
      tlsmgr.remove();
    },
  );
});

describe('the units', () => {
  const skip = !has('systemd-analyze') && 'no systemd-analyze';
  const units = ['tlsmgr.service', 'tlsmgr.socket'];

  test('systemd-analyze verify has nothing to say', { skip }, () => {
    const tlsmgr = new Standalone();
    // The program isn't where the units look for it.
    for (const unit of units) {
      const text = readFileSync(join(root, 'systemd', unit), 'utf8');
      writeFileSync(
        join(tlsmgr.folder, unit),
        text.replace('ExecStart=tlsmgr', `ExecStart=${join(root, 'bin/tlsmgr')}`),
      );
    }
    const paths = units.map((unit) => join(tlsmgr.folder, unit));
    const ran = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
      encoding: 'utf8',
    });
    const about = ran.stderr.split('\n').filter((line) => /tlsmgr/u.test(line));
    rmSync(tlsmgr.folder, { recursive: true });
    assert.deepEqual(about, []);
    assert.equal(ran.status, 0, ran.stderr);
  });

  test('their exposure is what docs/systemd.md says', { skip }, () => {
    const { stdout } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', join(root, 'systemd/tlsmgr.service')],
      { encoding: 'utf8' },
    );
    const [, exposure] = /Overall exposure level for tlsmgr\.service: ([\d.]+)/u.exec(stdout)!;
    const page = readFileSync(join(root, 'docs/systemd.md'), 'utf8');
    assert.ok(page.includes(`exposure of ${exposure}`), exposure);
  });
});
