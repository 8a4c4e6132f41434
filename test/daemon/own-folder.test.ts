/** tlsmgr serve where somebody else has a folder, or has put files. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { notBuilt, Standalone } from '../cli/standalone.ts';

const stranger = 4321;
const needsRoot = process.getuid!() === 0 ? false : 'needs root to make files of others';

describe('serve', { skip: notBuilt }, () => {
  let tlsmgr: Standalone;
  let run: string;
  let precious: string;

  beforeEach(() => {
    tlsmgr = new Standalone();
    run = join(tlsmgr.folder, 'run');
    precious = join(tlsmgr.folder, 'precious');
    mkdirSync(run, { mode: 0o700 });
    writeFileSync(precious, 'precious');
  });
  afterEach(async () => {
    await tlsmgr.stop();
    tlsmgr.remove();
  });

  test("refuses somebody else's folder, and leaves it as it is", { skip: needsRoot }, async () => {
    chownSync(run, stranger, stranger);
    await assert.rejects(
      tlsmgr.start(),
      /fatal: folder \S+\/run belongs to user 4321: choose one of your own/u,
    );
    assert.deepEqual(readdirSync(run), []);
  });

  test("refuses somebody else's data_directory", { skip: needsRoot }, async () => {
    const data = join(tlsmgr.folder, 'data');
    mkdirSync(data);
    chownSync(data, stranger, stranger);
    await assert.rejects(
      tlsmgr.start('-o', `data_directory=${data}`),
      /fatal: folder \S+\/data belongs to user 4321: choose one of your own/u,
    );
    assert.deepEqual(readdirSync(data), []);
  });

  test('refuses a folder that others may write to', async () => {
    chmodSync(run, 0o707);
    await assert.rejects(
      tlsmgr.start(),
      /fatal: folder \S+\/run may be written by everybody: choose one/u,
    );
    assert.deepEqual(readdirSync(run), []);
  });

  test('follows no link and empties no other file; what is left serves', async () => {
    symlinkSync(precious, join(run, 'smtpd_scache.tlsmgr'));
    linkSync(precious, join(run, 'smtp_scache.tlsmgr'));
    linkSync(precious, join(run, 'prng_exch'));
    await tlsmgr.start();
    assert.match(tlsmgr.said, /error: smtpd_tls_\S+ = \S+: open \S+ \S+: file is a symbolic link/u);
    assert.match(tlsmgr.said, /error: smtp_tls_\S+ = \S+: open \S+ \S+: file has 3 hard links/u);
    assert.match(tlsmgr.said, /error: PRNG exchange file \S+ is not used: file has 3 hard links/u);
    assert.match(tlsmgr.said, /serving on \S+, caches: lmtp/u);
    assert.equal((await tlsmgr.run('seed', '8')).status, 0);
    assert.equal(await tlsmgr.stop(), 0);
    assert.equal(readFileSync(precious, 'utf8'), 'precious');
  });

  test("writes no session into a file of somebody else's", { skip: needsRoot }, async () => {
    const theirs = join(run, 'smtpd_scache.tlsmgr');
    writeFileSync(theirs, 'theirs');
    chownSync(theirs, stranger, stranger);
    await tlsmgr.start('-o', 'tlsmgr_session_cache_persistent=yes');
    assert.match(tlsmgr.said, /error: smtpd_tls_\S+ = \S+: open \S+ \S+: file belongs to user/u);
    assert.equal(await tlsmgr.stop(), 0);
    assert.equal(readFileSync(theirs, 'utf8'), 'theirs');
    assert.ok(!existsSync(`${theirs}.old`));
  });

  test(
    'refuses a folder whose parent is foreign, as status does',
    { skip: needsRoot },
    async () => {
      chownSync(tlsmgr.folder, stranger, stranger);
      await assert.rejects(
        tlsmgr.start(),
        /fatal: folder \S+\/run is not safe, as \S+ belongs to user 4321: choose one of your own/u,
      );
      chownSync(tlsmgr.folder, 0, 0);
      assert.deepEqual(readdirSync(run), []);
    },
  );

  test('says that a file stands in the place of a folder', async () => {
    for (const socket of ['precious/tlsmgr.sock', 'precious/below/tlsmgr.sock']) {
      await assert.rejects(
        tlsmgr.start('--socket', socket),
        /fatal: folder \S+\/precious\S* can't be made: a file stands in its place/u,
      );
    }
  });
});
