/** tlsmgr serve --mode and --group: programs of other users connect, or don't. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { notBuilt, Standalone } from '../cli/standalone.ts';

const member = 4321;
const stranger = 5555;
const skip =
  notBuilt ||
  (process.getuid!() === 0
    ? spawnSync('setpriv', ['--version']).error === undefined
      ? false
      : 'no setpriv'
    : 'needs root to become other users');

/** What a program of a user of one group gets: `connected`, or the code of the error. */
function connectAs(gid: number, path: string): string {
  const script = `const socket = require('node:net').connect(process.argv[1]);
    const tell = (text) => { console.log(text); process.exit(); };
    socket.on('connect', () => tell('connected')).on('error', ({ code }) => tell(code));`;
  const identity = ['--reuid', String(stranger), '--regid', String(gid), '--clear-groups'];
  const { stdout, stderr } = spawnSync(
    'setpriv',
    [...identity, process.execPath, '-e', script, path],
    { encoding: 'utf8', cwd: '/', env: {} },
  );
  return stdout.trim() || stderr;
}

describe('the socket of serve', { skip }, () => {
  let tlsmgr: Standalone;

  const bitsOf = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8);

  beforeEach(() => {
    tlsmgr = new Standalone();
    chmodSync(tlsmgr.folder, 0o755);
  });
  afterEach(async () => {
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test('is for its user alone, and the start says so', async () => {
    await tlsmgr.start();
    assert.match(tlsmgr.said, /serving on \S+, caches: smtpd smtp lmtp; open to user root$/mu);
    assert.deepEqual([bitsOf(tlsmgr.socket), bitsOf(join(tlsmgr.socket, '..'))], ['600', '700']);
    assert.equal(connectAs(member, tlsmgr.socket), 'EACCES');
  });

  test('--group lets its members in, through the folder that was made', async () => {
    await tlsmgr.start('--group', String(member));
    assert.match(tlsmgr.said, /; open to user root and group 4321$/mu);
    assert.doesNotMatch(tlsmgr.said, /warning/u);
    const folder = join(tlsmgr.folder, 'run');
    assert.deepEqual([bitsOf(tlsmgr.socket), bitsOf(folder)], ['660', '710']);
    assert.deepEqual([lstatSync(tlsmgr.socket).gid, lstatSync(folder).gid], [member, member]);
    assert.equal(connectAs(member, tlsmgr.socket), 'connected');
    assert.equal(connectAs(stranger, tlsmgr.socket), 'EACCES');
    assert.equal(bitsOf(join(folder, 'smtpd_scache.tlsmgr')), '600');
    assert.equal(await tlsmgr.stop(), 0);
    // The folder is there now, and lets the same ones through.
    await tlsmgr.start('--group', String(member));
    assert.equal(connectAs(member, tlsmgr.socket), 'connected');
    assert.doesNotMatch(tlsmgr.said, /warning/u);
  });

  test('--mode alone opens it to everybody, with a warning', async () => {
    await tlsmgr.start('--socket', 'made/too/tlsmgr.sock', '--mode', '0666');
    const path = join(tlsmgr.folder, 'made/too/tlsmgr.sock');
    assert.match(tlsmgr.said, /; open to every user$/mu);
    assert.match(tlsmgr.said, /warning: every user of this host can read the sessions/u);
    assert.deepEqual(
      [bitsOf(path), bitsOf(join(path, '..')), bitsOf(join(path, '../..'))],
      ['666', '711', '711'],
    );
    assert.equal(connectAs(stranger, path), 'connected');
  });

  test('a folder that was there is left as it is, and a warning names it', async () => {
    const folder = join(tlsmgr.folder, 'run');
    mkdirSync(folder, { mode: 0o700 });
    await tlsmgr.start('--group', String(member));
    assert.equal(bitsOf(folder), '700');
    assert.match(
      tlsmgr.said,
      /warning: folder \S+\/run keeps out group 4321: they need the right to search it/u,
    );
    assert.equal(connectAs(member, tlsmgr.socket), 'EACCES');
  });

  test('wrong modes and groups are refused', async () => {
    for (const [options, said] of [
      [['--mode', '66'], /fatal: --mode: 66 is not an octal mode like 660, with 6 or 7 first/u],
      [['--mode', '1777'], /fatal: --mode: 1777 is not/u],
      [['--mode', '060'], /fatal: --mode: 060 is not/u],
      [['--group', 'nosuchgroup'], /fatal: --group: there is no group nosuchgroup/u],
    ] as const) {
      const { status, err } = await tlsmgr.run('serve', ...options);
      assert.equal(status, 2);
      assert.match(err, said);
    }
  });

  test('whoever is no member of the group does not start', async () => {
    chownSync(tlsmgr.folder, stranger, stranger);
    const launcher = join(import.meta.dirname, '../../bin/tlsmgr');
    const asStranger = ['--reuid', String(stranger), '--regid', String(stranger), '--clear-groups'];
    const { status, stderr } = spawnSync(
      'setpriv',
      [...asStranger, launcher, 'serve', '--socket', 'own/tlsmgr.sock', '--group', String(member)],
      { encoding: 'utf8', cwd: tlsmgr.folder, env: {} },
    );
    assert.equal(status, 1, stderr);
    assert.match(
      stderr,
      /fatal: who may connect to \S+\/own can't be set: only root and members of group 4321 can/u,
    );
  });
});
