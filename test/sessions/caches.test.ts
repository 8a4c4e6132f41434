/** From settings to caches: files, redirection, faults, log lines. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, mock, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import { FatalError } from '../../src/errors.ts';
import { databaseOf } from '../../src/sessions/database.ts';
import type { CacheName } from '../../src/config/cache-names.ts';
import { redirectFile } from '../../src/system/data-redirect.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { poll } from '../postfix/poll.ts';
import { awake } from './log-on-file.ts';
import { named, type OpenOptions, openScratchCaches, scratchDirectory } from './scratch.ts';

const isRoot = process.getuid?.() === 0;

interface Scene {
  path: string;
  log: LogLines;
  clock: TestClock;
  open: (options: Partial<OpenOptions>) => ReturnType<typeof openScratchCaches>;
}

function scene(body: (scene: Scene) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const scratch = scratchDirectory();
    const log = new LogLines();
    const clock = new TestClock();
    try {
      await body({
        path: scratch.path,
        log,
        clock,
        open: (options) => openScratchCaches({ directory: scratch.path, clock, log, ...options }),
      });
    } finally {
      scratch.remove();
    }
  };
}

function both(smtpd: string, smtp: string): Partial<Record<CacheName, { database: string }>> {
  return { smtpd: { database: smtpd }, smtp: { database: smtp } };
}

void describe('opening the caches', () => {
  void test(
    'a cache without database, or without lifetime, is off and says nothing',
    scene(({ open, log }) => {
      const caches = open({
        caches: {
          smtp: { database: 'internal:', lifetimeSeconds: 0 },
          lmtp: { database: 'internal:' },
        },
      });
      assert.equal(named(caches, 'smtpd').cache, undefined);
      assert.equal(named(caches, 'smtp').cache, undefined);
      assert.ok(named(caches, 'lmtp').cache);
      assert.deepEqual([named(caches, 'lmtp').type, named(caches, 'smtpd').type], ['internal', '']);
      assert.deepEqual(log.lines, []);
      caches.closeNow();
    }),
  );

  void test(
    'the file is created or emptied, mode 0600, and holds no session',
    scene(async ({ open, path }) => {
      const file = join(path, 'scache.tlsmgr');
      writeFileSync(file, 'x'.repeat(100_000), { mode: 0o644 });
      const caches = open({ caches: { smtpd: { database: `btree:${path}/scache` } } });
      assert.equal(statSync(file).mode & 0o777, 0o600);
      await named(caches, 'smtpd').cache!.update(span('the id'), span('the session'));
      caches.closeNow();
      assert.ok(statSync(file).size < 1000);
      assert.ok(!readFileSync(file).includes('the'));
      assert.ok(!existsSync(join(path, 'scache')));
    }),
  );

  void test(
    'the same id in two caches is two entries',
    scene(({ open, path }) => {
      const caches = open({ caches: both(`btree:${path}/a`, 'internal:') });
      void named(caches, 'smtpd').cache!.update(span('id'), span('one'));
      assert.equal(named(caches, 'smtp').cache!.lookup(span('id')), undefined);
      caches.closeNow();
    }),
  );

  for (const [smtpd, smtp] of [
    ['btree:D/x', 'btree:D/x'],
    ['btree:D/x', 'hash:D/x'],
    ['D/x', 'lmdb:D/./x'],
  ] as const) {
    void test(
      `one file for two caches is fatal: ${smtpd}, ${smtp}`,
      scene(({ open, path }) => {
        const first = smtpd.replace('D', path);
        assert.throws(
          () => open({ caches: both(first, smtp.replace('D', path)) }),
          new FatalError(`do not use the same TLS cache file ${first} for smtpd and smtp`),
        );
      }),
    );
  }

  void test(
    'one file by two names of its directory is fatal, too',
    scene(({ open, path }) => {
      symlinkSync(path, join(path, 'other'));
      assert.throws(
        () => open({ caches: both(`btree:${path}/x`, `btree:${path}/other/x`) }),
        /do not use the same TLS cache file .* for smtpd and smtp/,
      );
    }),
  );

  for (const [database, reason] of [
    ['nosuch:/a', 'unsupported dictionary type: nosuch'],
    ['static:x', 'unsupported dictionary type: static'],
    ['redis:localhost', 'unsupported dictionary type: redis'],
    ['cdb:D/a', 'dictionary cdb:D/a does not support update operations'],
    ['btree:D/none/a', 'open database D/none/a.tlsmgr: No such file or directory'],
    ['btree:D/full', 'open database D/full.tlsmgr: Is a directory'],
  ] as const) {
    void test(
      `a database that cannot be used switches off its cache alone: ${database}`,
      scene(({ open, path, log }) => {
        mkdirSync(join(path, 'full.tlsmgr'));
        const here = (text: string): string => text.replace('D', path);
        const caches = open({ caches: both(here(database), 'internal:') });
        assert.equal(named(caches, 'smtpd').cache, undefined);
        assert.ok(named(caches, 'smtp').cache);
        assert.deepEqual(log.lines, [
          `error: smtpd_tls_session_cache_database = ${here(database)}: ${here(reason)}`,
        ]);
        caches.closeNow();
      }),
    );
  }

  for (const persistent of [false, true]) {
    void test(
      `a file that another process keeps locked leaves ${persistent ? 'a persistent' : 'the'} cache in memory, until it is free`,
      scene(async ({ open, path, log }) => {
        const caches = { smtp: { database: `btree:${path}/x` } };
        const holder = open({ caches, persistent });
        const waiting = open({ caches, persistent, lockPatienceMs: 60, retrySeconds: 0.01 });
        const cache = named(waiting, 'smtp').cache!;
        assert.deepEqual(log.lines, [
          `warning: cannot open smtp TLS session cache: unable to get exclusive lock: ${path}/x.tlsmgr; ` +
            'keeping it in memory alone',
        ]);
        assert.equal(cache.statistics().fileHealthy, !persistent);
        await cache.update(span('id'), span('stored without a file'));
        assert.ok(cache.lookup(span('id')));
        await named(holder, 'smtp').cache!.update(span('other'), span("the other process's"));
        holder.closeNow();
        await poll('the file', () => log.lines.length > 1);
        assert.deepEqual(log.lines.slice(1), ['smtp TLS session cache has its file now']);
        assert.ok(cache.lookup(span('id')));
        assert.equal(cache.statistics().fileHealthy, true);
        await cache.update(span('more'), span('stored with it'));
        waiting.closeNow();
        const later = open({ caches, persistent: true });
        await awake(later.loaded);
        for (const id of ['id', 'more']) {
          assert.equal(named(later, 'smtp').cache!.lookup(span(id)) !== undefined, persistent, id);
        }
        assert.equal(named(later, 'smtp').cache!.lookup(span('other')), undefined);
        later.closeNow();
        assert.equal(log.lines.length, 2, log.lines.join());
      }),
    );
  }

  void test(
    'all caches together wait for locks as long as one',
    scene(({ open, path, log }) => {
      const caches = both(`btree:${path}/a`, `btree:${path}/b`);
      const holder = open({ caches });
      const sleeps = mock.method(Atomics, 'wait', () => 'timed-out' as const);
      const waiting = open({ caches, lockPatienceMs: 1000 });
      assert.equal(sleeps.mock.callCount(), 50);
      sleeps.mock.restore();
      assert.equal(log.lines.length, 2);
      assert.ok(named(waiting, 'smtpd').cache && named(waiting, 'smtp').cache);
      waiting.closeNow();
      holder.closeNow();
    }),
  );

  void test(
    'a path that leads elsewhere by then is not opened: after a chroot',
    scene(async ({ open, path, log }) => {
      mkdirSync(join(path, 'd'));
      const caches = { smtp: { database: `btree:${path}/d/x` } };
      const holder = open({ caches });
      const waiting = open({ caches, lockPatienceMs: 0, retrySeconds: 0.01 });
      renameSync(join(path, 'd'), join(path, 'e'));
      mkdirSync(join(path, 'd'));
      await poll('the next attempt', () => log.lines.length > 1);
      assert.equal(
        log.lines[1],
        'warning: cannot open smtp TLS session cache: the folder of its file is out of reach; ' +
          'keeping it in memory alone until the next start',
      );
      assert.ok(!existsSync(join(path, 'd/x.tlsmgr')));
      assert.ok(named(waiting, 'smtp').cache);
      waiting.closeNow();
      holder.closeNow();
    }),
  );

  void test(
    'a full disk at the first start, a tmpfs: memory, and the file when there is room',
    { skip: isRoot ? false : 'needs root to mount a tmpfs' },
    scene(async ({ open, path, log }) => {
      const mount = join(path, 'small');
      mkdirSync(mount);
      const options = ['-t', 'tmpfs', '-o', 'size=64k,nr_inodes=4', 'tmpfs', mount];
      if (spawnSync('mount', options).status !== 0) {
        return;
      }
      try {
        for (const name of ['a', 'b', 'c']) {
          writeFileSync(join(mount, name), '');
        }
        const caches = open({
          persistent: true,
          retrySeconds: 0.01,
          caches: { smtpd: { database: `btree:${mount}/x` } },
        });
        assert.match(
          log.lines[0]!,
          /^warning: cannot open smtpd TLS session cache: .*: No space left on device; keeping/u,
        );
        await named(caches, 'smtpd').cache!.update(span('id'), span('session'));
        rmSync(join(mount, 'c'));
        await poll('the file', () => log.lines.length > 1);
        assert.equal(log.lines[1], 'smtpd TLS session cache has its file now');
        assert.ok(named(caches, 'smtpd').cache!.lookup(span('id')));
        caches.closeNow();
      } finally {
        spawnSync('umount', ['-l', mount]);
      }
    }),
  );

  void test(
    'log lines, when they are asked for',
    scene(({ open, path, log, clock }) => {
      const caches = open({
        caches: { smtpd: { database: `btree:${path}/x`, logOperations: true } },
      });
      const cache = named(caches, 'smtpd').cache!;
      void cache.update(span('an id'), span('session'));
      void cache.lookup(span('an id'));
      void cache.lookup(span('other'));
      void cache.delete(span('other'));
      caches.closeNow();
      assert.deepEqual(log.lines, [
        `open smtpd TLS cache btree:${path}/x`,
        'tlsmgr_cache_run_event: start TLS smtpd session cache cleanup',
        'put smtpd session id=an id [data 7 bytes]',
        `write smtpd TLS cache entry an id: time=${clock.wallSeconds} [data 7 bytes]`,
        'lookup smtpd session id=an id',
        `read smtpd TLS cache entry an id: time=${clock.wallSeconds} [data 7 bytes]`,
        'lookup smtpd session id=other',
        'delete smtpd session id=other',
      ]);
    }),
  );

  void test(
    'a full cache says so once an hour',
    scene(({ open, log, clock }) => {
      const caches = open({ caches: { smtp: { database: 'internal:', entryLimit: 2 } } });
      for (let hour = 0; hour < 2; hour += 1) {
        for (let number = 0; number < 20; number += 1) {
          void named(caches, 'smtp').cache!.update(span(`${hour}/${number}`), span(''));
          clock.pass(7);
        }
        clock.pass(3600);
      }
      assert.equal(log.lines.length, 2);
      assert.equal(
        log.lines[0],
        'warning: smtp TLS session cache is full (smtp_tls_session_cache_entry_limit = 2): ' +
          'removing valid entries, 14 s old',
      );
      caches.closeNow();
    }),
  );

  void test(
    'a persistent cache comes back, the others begin empty',
    scene(async ({ open, path }) => {
      const options = {
        persistent: true,
        caches: both(`btree:${path}/a`, 'internal:'),
      };
      const caches = open(options);
      await named(caches, 'smtpd').cache!.update(span('id'), span('one'));
      await named(caches, 'smtp').cache!.update(span('id'), span('one'));
      caches.closeNow();
      const again = open(options);
      await awake(again.loaded);
      assert.ok(named(again, 'smtpd').cache!.lookup(span('id')));
      assert.equal(named(again, 'smtp').cache!.lookup(span('id')), undefined);
      again.closeNow();
      open({ ...options, persistent: false }).closeNow();
      const emptied = open(options);
      await awake(emptied.loaded);
      assert.equal(named(emptied, 'smtpd').cache!.lookup(span('id')), undefined);
      emptied.closeNow();
    }),
  );
});

void describe('redirection', () => {
  void test(
    "to data_directory, from a directory that isn't mail_owner's",
    { skip: isRoot ? false : 'needs root to make directories of others' },
    scene(({ open, path, log }) => {
      const foreign = join(path, 'foreign');
      const data = join(path, 'data');
      mkdirSync(foreign);
      mkdirSync(data);
      chownSync(data, 4321, 4321);
      const database = `btree:${foreign}/scache`;
      const caches = open({
        directory: data,
        mailOwnerUid: 4321,
        caches: { smtpd: { database, logOperations: true } },
      });
      assert.deepEqual(log.lines.slice(0, 3), [
        `warning: request to update table ${database} in non-postfix directory ${foreign}`,
        `warning: redirecting the request to postfix-owned data_directory ${data}`,
        `open smtpd TLS cache btree:${data}/scache`,
      ]);
      assert.ok(existsSync(join(data, 'scache.tlsmgr')));
      assert.ok(!existsSync(join(foreign, 'scache.tlsmgr')));
      assert.throws(
        () =>
          open({
            directory: data,
            mailOwnerUid: 4321,
            caches: both(database, `hash:${data}/scache`),
          }),
        new FatalError(`do not use the same TLS cache file ${database} for smtpd and smtp`),
      );
      caches.closeNow();
    }),
  );

  void test(
    'leaves a path alone whose directory is right, or cannot be examined',
    scene(({ path, log }) => {
      const settings = {
        mailOwner: { name: 'postfix', uid: statSync(path).uid },
        dataDirectory: '/data',
      };
      assert.equal(redirectFile(`${path}/prng_exch`, settings, log), `${path}/prng_exch`);
      assert.equal(redirectFile(`${path}/none/prng_exch`, settings, log), `${path}/none/prng_exch`);
      assert.deepEqual(log.lines, []);
      const other = { ...settings, mailOwner: { name: 'mail', uid: settings.mailOwner.uid + 1 } };
      assert.equal(redirectFile(`${path}/prng_exch`, other, log), '/data/prng_exch');
      assert.deepEqual(log.lines, [
        `warning: request to update file ${path}/prng_exch in non-mail directory ${path}`,
        'warning: redirecting the request to mail-owned data_directory /data',
      ]);
    }),
  );
});

void describe('a database value', () => {
  void test('names a type, or gets the default one', () => {
    assert.deepEqual(databaseOf('btree:/a:b', 'hash'), {
      kind: 'file',
      type: 'btree',
      path: '/a:b',
    });
    assert.deepEqual(databaseOf('/a', 'hash'), { kind: 'file', type: 'hash', path: '/a' });
    assert.deepEqual(databaseOf('internal:', 'hash'), { kind: 'memory', type: 'internal' });
    assert.equal(databaseOf('btree:', 'hash').kind, 'unusable');
    assert.equal(databaseOf('x', 'cdb').kind, 'unusable');
  });
});
