/** The daemon's files, as mail_owner in a chroot: what is left over, and what isn't ours. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { AttributeClient, base64, request, valueOf } from './attribute-client.ts';
import { idOf } from './instance.ts';
import { StandInMaster } from './stand-in-master.ts';
import { requireBuilt, skipWithoutPostfix, testsOurs, tlsmgrUnderTest } from './under-test.ts';

const skip = skipWithoutPostfix || (testsOurs ? false : 'files of ours');
const session = 'a session in the clear';

/** Of a test that fails. */
const timeout = 20_000;

describe('the files of the daemon', { skip }, () => {
  let data: string;
  before(() => {
    requireBuilt();
    data = mkdtempSync(join(tmpdir(), 'tlsmgr-data-'));
    chownSync(data, idOf('-u', 'postfix'), idOf('-g', 'postfix'));
    chmodSync(data, 0o700);
  });
  after(() => rmSync(data, { recursive: true, force: true }));

  /** @returns what it logged. */
  async function serveOnce(parameters: Record<string, string>, ask: string): Promise<string[]> {
    const master = await StandInMaster.start({
      daemon: tlsmgrUnderTest,
      mainCf: { data_directory: data, tlsmgr_session_cache_persistent: 'yes', ...parameters },
    });
    try {
      const client = await AttributeClient.greeted(master.socketPath);
      assert.equal(valueOf(await client.ask(ask), 'status'), '0');
      client.close();
      master.letGo();
      assert.deepEqual(await master.ended, { status: 0, signal: undefined });
      return master.logged;
    } finally {
      master.cleanup();
    }
  }

  const seed = request('seed', 'size', '32');

  test(
    'a cache that is switched off leaves no session in data_directory',
    { timeout },
    async () => {
      const file = join(data, 'smtpd_scache.tlsmgr');
      const attributes = ['cache_type', 'smtpd', 'cache_id', 'an id', 'session', base64(session)];
      const update = request('update', ...attributes);
      await serveOnce(
        { smtpd_tls_session_cache_database: 'btree:$data_directory/smtpd_scache' },
        update,
      );
      assert.ok(readFileSync(file).includes(session));
      const logged = await serveOnce({ smtpd_tls_session_cache_database: '' }, seed);
      assert.ok(!existsSync(file));
      assert.match(
        logged.join('\n'),
        /scache\.tlsmgr belongs to no session cache of main\.cf or master\.cf any/u,
      );
    },
  );

  test(
    "a FIFO as source, and others' files in the place of ours, cost no seed",
    { timeout },
    async () => {
      const precious = join(data, 'precious');
      writeFileSync(precious, 'precious', { mode: 0o666 });
      chmodSync(precious, 0o666);
      const fifo = join(data, 'fifo');
      execFileSync('mkfifo', [fifo]);
      rmSync(join(data, 'smtpd_scache.tlsmgr'), { force: true });
      linkSync(precious, join(data, 'smtpd_scache.tlsmgr'));
      rmSync(join(data, 'prng_exch'), { force: true });
      symlinkSync(precious, join(data, 'prng_exch'));
      lchownSync(join(data, 'prng_exch'), 4321, 4321);
      const logged = await serveOnce(
        {
          tls_random_source: fifo,
          smtpd_tls_session_cache_database: 'btree:$data_directory/smtpd_scache',
        },
        seed,
      );
      const text = logged.join('\n');
      assert.match(text, /warning: cannot read from entropy file \S+: not a regular file/u);
      assert.match(text, /error: PRNG exchange file \S+ is not used: file is a symbolic link/u);
      assert.match(text, /error: smtpd_tls_\S+ = \S+: open \S+ \S+: file has 2 hard links/u);
      assert.equal(readFileSync(precious, 'utf8'), 'precious');
    },
  );
});
