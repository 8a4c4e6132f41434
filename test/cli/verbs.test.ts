import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { patientClient } from '../patient-client.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { version } from '../../src/version.ts';
import { Standalone, notBuilt } from './standalone.ts';

const root = join(import.meta.dirname, '../..');

describe('the verbs, against a standalone tlsmgr', { skip: notBuilt }, () => {
  const tlsmgr = new Standalone();
  let client: TlsmgrClient;

  before(async () => {
    await tlsmgr.start();
    client = patientClient(tlsmgr.socket);
  });

  after(async () => {
    void client.close();
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test('serve makes its files for itself alone', () => {
    for (const name of ['tlsmgr.sock', 'prng_exch', 'smtpd_scache.tlsmgr']) {
      assert.equal(statSync(join(tlsmgr.folder, 'run', name)).mode & 0o777, 0o600, name);
    }
  });

  test('status finds run/tlsmgr.sock, and tells all in one screen', async () => {
    await client.update('smtpd', 'status', Buffer.alloc(100));
    await client.lookup('smtpd', 'status');
    await client.ticketKey();
    const { status, out, err } = await tlsmgr.run('status');
    assert.equal(status, 0, err);
    assert.match(
      out,
      new RegExp(`^OK +tlsmgr ${version.replaceAll('.', '\\.')}, standalone, up `, 'u'),
    );
    assert.match(out, /^smtpd +\.+ +0% +1 +106 B +100% {2}1h 0m$/mu);
    assert.match(out, /^ticket key +[0-9a-f]{16}, age \d+s, next in (?:30m|29m)/mu);
    assert.match(out, /^entropy +dev:\/dev\/urandom, last reseed/mu);
    await client.flush('smtpd');
  });

  test('no key and no session appears in it', async () => {
    const key = await client.ticketKey();
    assert.ok(key !== undefined);
    await client.update('smtpd', 'secret', Buffer.from('the session itself'));
    const { out } = await tlsmgr.run('status', '--json');
    for (const secret of [key.subarray(0, 16), key.subarray(16, 48), key.subarray(48, 80)]) {
      assert.ok(!out.includes(secret.toString('hex')) && !out.includes(secret.toString('base64')));
    }
    assert.doesNotMatch(out, /session itself/u);
    await client.flush('smtpd');
  });

  test('list shows ids, ages and sizes, oldest first, and stops at its limit', async () => {
    assert.equal((await tlsmgr.run('list', 'smtp')).out, 'no sessions in the smtp cache\n');
    assert.equal((await tlsmgr.run('list', 'smtp', '--json')).out, '[]\n');
    for (let count = 0; count < 1200; count += 1) {
      await client.update('smtp', `id ${count}`, Buffer.alloc(count + 1));
    }
    await client.update('smtp', Buffer.from([0xff, 0x01]), Buffer.from('x'));
    const { out } = await tlsmgr.run('list', 'smtp', '--json');
    const rows = JSON.parse(out) as {
      id: string;
      sessionBytes: number;
      expiresInSeconds: number;
    }[];
    assert.equal(rows.length, 1201);
    assert.deepEqual([rows[0]?.id, rows[0]?.sessionBytes], ['id 0', 1]);
    assert.equal(rows.at(-1)?.id, 'hex:ff01');
    assert.ok(rows.every(({ expiresInSeconds }) => expiresInSeconds > 3000));
    const limited = await tlsmgr.run('list', 'smtp', '--limit', '2');
    assert.equal(limited.out.split('\n').length, 4);
    assert.match(limited.out, / 'id 0'\n.* 'id 1'\n$/u);
  });

  test('delete and flush forget, and say what', async () => {
    assert.deepEqual(await tlsmgr.run('delete', 'smtp', 'hex:ff01'), {
      status: 0,
      out: 'deleted\n',
      err: `tlsmgr: asking ${tlsmgr.socket}\n`,
    });
    const again = await tlsmgr.run('delete', 'smtp', 'hex:ff01');
    assert.equal(again.status, 1);
    assert.match(again.err, /no such session in the smtp cache/u);
    assert.equal((await tlsmgr.run('flush', 'smtp')).out, '1200 sessions forgotten\n');
  });

  test('show says what is no session, without showing it', async () => {
    await client.update('lmtp', 'odd', Buffer.from('not DER at all'));
    const { status, out, err } = await tlsmgr.run('show', 'lmtp', 'odd');
    assert.deepEqual([status, out], [1, '']);
    assert.match(err, /^tlsmgr: fatal: not a session of OpenSSL/mu);
    assert.doesNotMatch(err, /not DER at all/u);
    assert.equal((await tlsmgr.run('show', 'lmtp', 'none')).status, 1);
  });

  test('a cache that is off is named with its parameter', async () => {
    const other = new Standalone();
    await other.start('-o', 'smtp_tls_session_cache_timeout=0');
    for (const verb of ['list', 'flush']) {
      const { status, err } = await other.run(verb, 'smtp');
      assert.equal(status, 1);
      assert.match(err, /fatal: the smtp cache is off: smtp_tls_session_cache_timeout is 0\n/u);
    }
    for (const verb of ['show', 'delete']) {
      const { status, err } = await other.run(verb, 'smtp', 'x');
      assert.equal(status, 1);
      assert.match(err, /warning: the smtp cache is off: smtp_tls_session_cache_timeout is 0\n/u);
    }
    await other.stop();
    other.remove();
  });

  test('a session file that openssl has not written is explained', async () => {
    const { status, err } = await tlsmgr.run('status', '--ticket', 'none.pem');
    assert.equal(status, 3);
    assert.match(err, /none\.pem: there is no such file: .* echo QUIT \| openssl s_client /u);
  });

  test('seed prints so many bytes', async () => {
    assert.match((await tlsmgr.run('seed')).out, /^[0-9a-f]{64}\n$/u);
    assert.match((await tlsmgr.run('seed', '255')).out, /^[0-9a-f]{510}\n$/u);
  });

  test('wrong arguments are status 2, with the usage', async () => {
    for (const args of [
      ['list'],
      ['list', 'SMTPD'],
      ['list', 'smtpd', '--limit', '0'],
      ['delete', 'smtpd'],
      ['seed', '256'],
      ['status', '--nonsense'],
      ['serve', 'word'],
    ]) {
      const { status, err } = await tlsmgr.run(...args);
      assert.equal(status, args[0] === 'status' ? 3 : 2, args.join(' '));
      assert.match(err, new RegExp(`usage: tlsmgr ${args[0]} `, 'u'));
    }
    const unknown = await tlsmgr.run('nonsense');
    assert.equal(unknown.status, 2);
    assert.match(unknown.err, /^tlsmgr: fatal: unknown verb: nonsense/u);
  });

  test('no daemon at the socket is status 1', async () => {
    const { status, err } = await tlsmgr.run('status', '--socket', join(tlsmgr.folder, 'none'));
    assert.equal(status, 3);
    assert.match(
      err,
      /^tlsmgr: fatal: no tlsmgr answers: .*\/none: there is no such socket: does Postfix run/u,
    );
  });

  test('help names every verb', async () => {
    const { out } = await tlsmgr.run('help');
    for (const { name } of verbs) {
      assert.match(out, new RegExp(`tlsmgr ${name} `, 'u'));
    }
  });

  test('a second one on the same socket is refused, and the first serves on', async () => {
    const { status, err } = await tlsmgr.run('serve');
    assert.equal(status, 1);
    assert.match(err, /another process serves/u);
    assert.equal((await client.seed(8)).length, 8);
  });
});

describe('serve', { skip: notBuilt }, () => {
  test('ends on a signal with status 0, its state saved and its socket gone', async () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR1'] as const) {
      const tlsmgr = new Standalone();
      await tlsmgr.start();
      const exchange = join(tlsmgr.folder, 'run/prng_exch');
      const earlier = readFileSync(exchange);
      assert.equal(await tlsmgr.stop(signal), 0, signal);
      assert.notDeepEqual(readFileSync(exchange), earlier);
      assert.equal(existsSync(tlsmgr.socket), false);
      tlsmgr.remove();
    }
  });

  test('takes parameters, and says which is bad', async () => {
    const tlsmgr = new Standalone();
    await tlsmgr.start('-o', 'smtp_tls_session_cache_timeout=0', '-v');
    const { out } = await tlsmgr.run('status');
    assert.match(out, /^smtp +off/mu);
    await tlsmgr.stop();
    const { status, err } = await tlsmgr.run('serve', '-o', 'tls_random_bytes=12x');
    assert.equal(status, 1);
    assert.match(err, /fatal: bad numerical configuration: tls_random_bytes = 12x/u);
    tlsmgr.remove();
  });

  test('sessions survive a restart when they are to', async () => {
    const tlsmgr = new Standalone();
    const persistent = ['-o', 'tlsmgr_session_cache_persistent=yes'];
    const ask = async (): Promise<Buffer | undefined> => {
      const client = patientClient(tlsmgr.socket);
      const found = await client.lookup('smtpd', 'kept');
      await client.update('smtpd', 'kept', Buffer.from('a session'));
      void client.close();
      return found;
    };
    await tlsmgr.start(...persistent);
    assert.equal(await ask(), undefined);
    await tlsmgr.stop();
    await tlsmgr.start(...persistent);
    assert.deepEqual(await ask(), Buffer.from('a session'));
    await tlsmgr.stop();
    await tlsmgr.start();
    assert.equal(await ask(), undefined);
    await tlsmgr.stop();
    tlsmgr.remove();
  });
});

describe('the launcher', { skip: notBuilt }, () => {
  test('works through symbolic links, from any folder, without an environment', () => {
    const tlsmgr = new Standalone();
    const folder = join(tlsmgr.folder, 'a b');
    mkdirSync(folder);
    symlinkSync(join(root, 'bin/tlsmgr'), join(folder, 'one'));
    symlinkSync('one', join(folder, 'two'));
    const { stdout, status } = spawnSync(join(folder, 'two'), ['help'], {
      cwd: '/',
      env: {},
      encoding: 'utf8',
    });
    assert.equal(status, 0);
    assert.match(stdout, /^usage:/u);
    tlsmgr.remove();
  });

  test('says what is missing when it was not built', () => {
    const tlsmgr = new Standalone();
    mkdirSync(join(tlsmgr.folder, 'bin'));
    const copy = join(tlsmgr.folder, 'bin/tlsmgr');
    writeFileSync(copy, readFileSync(join(root, 'bin/tlsmgr')), { mode: 0o755 });
    const { stderr, status } = spawnSync(copy, ['-l'], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /^tlsmgr: fatal: .*dist\/program\/main\.js is missing/u);
    tlsmgr.remove();
  });

  test("the package's version is told", () => {
    const { version: declared } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    assert.equal(version, declared);
  });
});
