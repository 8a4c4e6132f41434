/** tlsmgr install and uninstall on a running Postfix. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { announcementFor, newLine } from '../../src/cli/install.ts';
import { PostfixInstance } from './instance.ts';
import { originalTlsmgr, skipWithoutPostfix } from './under-test.ts';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');

describe('the line that install writes', () => {
  test('has an announcement for Postfix 3.6 and later only', () => {
    for (const [mailVersion, announcement] of [
      ['3.4.13', false],
      ['3.5.25', false],
      ['3.6.0', true],
      ['3.7.11', true],
      ['3.10.1', true],
      ['3.12-20260101', true],
      ['4.0', true],
    ] as const) {
      assert.equal(announcementFor(mailVersion), announcement, mailVersion);
    }
    const old = 'tlsmgr unix - - y 1000? 1 tlsmgr -v';
    assert.equal(newLine(old, true), 'tlsmgr unix - - y 1000? 1 node-tlsmgr/tlsmgr');
    assert.equal(
      newLine(old, false),
      'tlsmgr unix - - y 1000? 1 node-tlsmgr/tlsmgr -o tlsmgr_protocol_announcement=no',
    );
  });
});

describe('install and uninstall', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance;
  let masterCf: string;
  let original: string;

  const run = (...args: string[]) =>
    spawnSync(launcher, [...args, '-c', postfix.configDirectory], { encoding: 'utf8', env: {} });
  const line = (): string =>
    execFileSync('postconf', ['-c', postfix.configDirectory, '-M', 'tlsmgr/unix'], {
      encoding: 'utf8',
    })
      .trim()
      .replaceAll(/\s+/gu, ' ');

  before(async () => {
    postfix = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'install' });
    masterCf = join(postfix.configDirectory, 'master.cf');
    await postfix.start();
    original = line();
  });

  after(async () => {
    await postfix.stop();
    postfix.cleanup();
  });

  test('a dry run shows the change, and makes none', () => {
    const earlier = readFileSync(masterCf, 'utf8');
    const { stdout } = run('install', '--dry-run');
    assert.match(stdout, /\n {2}- tlsmgr .*\n {2}\+ tlsmgr .*1 node-tlsmgr\/tlsmgr\n/u);
    assert.equal(readFileSync(masterCf, 'utf8'), earlier);
  });

  test('what the daemon would refuse is found before anything changes', () => {
    const mainCf = join(postfix.configDirectory, 'main.cf');
    const good = readFileSync(mainCf, 'utf8');
    writeFileSync(mainCf, `${good}tlsmgr_request_time_limit = 0\n`);
    const earlier = readFileSync(masterCf, 'utf8');
    const { status, stderr } = run('install', '--yes');
    writeFileSync(mainCf, good);
    assert.equal(status, 1);
    assert.match(stderr, /fatal: invalid tlsmgr_request_time_limit: 0 \(min 1\)/u);
    assert.equal(readFileSync(masterCf, 'utf8'), earlier);
  });

  test('install serves, a second one has nothing to do, uninstall puts back what was there', () => {
    const installed = run('install', '--yes');
    assert.equal(installed.status, 0, installed.stderr);
    assert.match(installed.stdout, /\ntlsmgr [0-9.]+ answers\n$/u);
    assert.ok(line().endsWith(' node-tlsmgr/tlsmgr'));
    assert.equal(run('install', '--yes').stdout, 'installed already: nothing to do\n');
    const removed = run('uninstall', '--yes');
    assert.equal(removed.status, 0, removed.stderr);
    assert.match(removed.stdout, /\nPostfix's own tlsmgr answers\n$/u);
    assert.equal(line(), original);
    assert.equal(existsSync(join(postfix.configDirectory, 'master.cf.tlsmgr')), false);
    assert.equal(existsSync(join(postfix.directory, 'sbin/node-tlsmgr')), false);
    assert.equal(run('uninstall', '--yes').stdout, 'not installed: nothing to do\n');
  });
});
