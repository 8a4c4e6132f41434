/** tlsmgr check beside a running Postfix, and the question that install asks at a terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Finding } from '../../src/cli/findings/finding.ts';
import { PostfixInstance } from './instance.ts';
import { originalTlsmgr, requireBuilt, skipWithoutPostfix } from './under-test.ts';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');
const noScript = existsSync('/usr/bin/script') ? false : 'no /usr/bin/script to make a terminal';

describe('check and install beside a running Postfix', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance;

  const run = (...args: string[]) =>
    spawnSync(launcher, [...args, '-c', postfix.configDirectory], { encoding: 'utf8', env: {} });
  const check = (): string[] => {
    const found = JSON.parse(run('check', '--json').stdout) as Finding[];
    return found.filter(({ severity }) => severity !== 'note').map(({ name }) => name);
  };

  before(async () => {
    requireBuilt();
    postfix = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'check' });
    await postfix.start();
  });

  after(async () => {
    await postfix.stop();
    postfix.cleanup();
  });

  test('at a terminal install asks, and no is no', { skip: noScript }, () => {
    const masterCf = join(postfix.configDirectory, 'master.cf');
    const was = readFileSync(masterCf, 'utf8');
    const command = `${launcher} install -c ${postfix.configDirectory}`;
    const asked = spawnSync('/usr/bin/script', ['-qec', command, '/dev/null'], {
      input: 'n\n',
      encoding: 'utf8',
    });
    assert.match(asked.stdout, /go ahead\? \[y\/N\] [^]*nothing was changed/u);
    assert.equal(asked.status, 1);
    assert.equal(readFileSync(masterCf, 'utf8'), was);
  });

  test('it sees who answers, what the daemon still has, and what is off', async () => {
    const masterCf = join(postfix.configDirectory, 'master.cf');
    assert.deepEqual(check(), []);
    // A taken port is told before install and by it, and mail goes on: a warning.
    postfix.writeMainCf({ tlsmgr_metrics_listen: `127.0.0.1:${postfix.port}` });
    assert.deepEqual(check(), ['metrics-port-taken']);
    assert.equal(run('check').status, 1);
    const dryRun = run('install', '--dry-run');
    assert.match(dryRun.stderr, /^warning: tlsmgr_metrics_listen = \S+: another program listens/mu);
    assert.equal(dryRun.status, 0);
    postfix.writeMainCf({});
    assert.equal(run('install', '--yes').status, 0);
    assert.deepEqual(check(), []);

    postfix.writeMainCf({ smtp_tls_session_cache_database: 'internal:' });
    assert.deepEqual(check(), ['not-reloaded']);
    postfix.writeMainCf({ smtp_tls_session_cache_database: 'cdb:/etc/x' });
    await postfix.reload();
    assert.deepEqual(check(), ['cache-unusable']);
    // One cause, one finding: what the daemon still has goes with a reload.
    postfix.writeMainCf({ smtp_tls_session_cache_database: 'internal:' });
    assert.deepEqual(check(), ['not-reloaded']);
    postfix.writeMainCf({});
    await postfix.reload();
    assert.deepEqual(check(), []);
    postfix.writeMainCf({ smtp_tls_session_cache_database: 'cdb:/etc/x' });
    assert.deepEqual(check(), ['cache-unusable']);
    postfix.writeMainCf({});
    assert.deepEqual(check(), []);

    postfix.writeMainCf({ smtp_tls_session_cache_timeout: '600s', tlsmgr_connection_limit: '99' });
    const late = JSON.parse(run('check', '--json').stdout) as Finding[];
    assert.deepEqual(
      late.filter(({ name }) => name === 'not-reloaded').map(({ text }) => text),
      [
        'tlsmgr_connection_limit is 99, and 5000 in the running daemon',
        'smtp_tls_session_cache_timeout is 600, and 3600 in the running daemon',
      ],
    );
    postfix.writeMainCf({ tlsmgr_metrics_listen: `127.0.0.1:${postfix.port}` });
    assert.deepEqual(check(), ['metrics-wakeup', 'not-reloaded', 'metrics-port-taken']);
    postfix.writeMainCf({});

    const ours = readFileSync(masterCf, 'utf8');
    postfix.writeMasterCf({});
    assert.deepEqual(check(), ['other-answers']);
    assert.match(ours, /node-tlsmgr/u);
    // A database is a leftover once nobody has it open any more.
    const hasLeftover = (): boolean => /cache-leftover/u.test(run('check', '--json').stdout);
    postfix.writeMainCf({ smtp_tls_session_cache_database: 'btree:$data_directory/smtp_scache' });
    const database = join(postfix.dataDirectory, 'smtp_scache.db');
    writeFileSync(database, '');
    assert.equal(run('uninstall', '--yes').status, 0);
    assert.equal(hasLeftover(), false);
    assert.equal(run('install', '--yes').status, 0);
    assert.equal(hasLeftover(), true);
    rmSync(database);
    postfix.writeMainCf({});
    assert.equal(run('uninstall', '--yes').status, 0);
    await postfix.reload();
    assert.deepEqual(check(), []);
    // Neither installing nor asking leaves anything in the log that looks like a fault of somebody.
    assert.deepEqual(
      postfix.complaints().filter((line) => !/cdb:|redirecting/u.test(line)),
      [],
    );
  });

  test('with Postfix stopped, uninstall still puts master.cf back', async () => {
    const masterCf = join(postfix.configDirectory, 'master.cf');
    const was = readFileSync(masterCf, 'utf8');
    assert.equal(run('install', '--yes').status, 0);
    await postfix.stop();
    const { status, stdout } = run('uninstall', '--yes');
    assert.equal(status, 0);
    assert.match(stdout, /\ndone; Postfix is not running\n$/u);
    assert.equal(readFileSync(masterCf, 'utf8'), was);
    await postfix.start();
  });
});
