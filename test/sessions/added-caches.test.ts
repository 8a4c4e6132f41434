/** Caches that tlsmgr_session_caches adds: their files, and changes that bring and take them. */
import assert from 'node:assert/strict';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import type { Caches, CachesSettings } from '../../src/sessions/caches.ts';
import { cachesNamed } from '../../src/config/cache-names.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { named, openScratchCaches, scratchDirectory } from './scratch.ts';

const clock = new TestClock();

/** Settings with these databases; a cache that is named with an empty one is off. */
function settingsOf(directory: string, databases: Record<string, string>): CachesSettings {
  return {
    caches: new Map(
      cachesNamed(Object.keys(databases)).map(({ name: label }) => [
        label,
        {
          label,
          database: databases[label] ?? '',
          lifetimeSeconds: 120,
          logOperations: false,
          sizeLimitBytes: 268_435_456,
          entryLimit: 0,
        },
      ]),
    ),
    persistentCaches: true,
    cacheKeyFile: '',
    dataDirectory: directory,
    mailOwner: { name: 'postfix', uid: process.getuid!(), gid: process.getgid!() },
    defaultDatabaseType: 'hash',
    otherDatabases: Object.values(databases),
  };
}

async function inScratch(body: (directory: string, log: LogLines) => Promise<void>): Promise<void> {
  const scratch = scratchDirectory();
  try {
    await body(scratch.path, new LogLines());
  } finally {
    scratch.remove();
  }
}

const found = (caches: Caches, label: string, id: string): boolean =>
  named(caches, label).cache!.lookup(span(id)) !== undefined;

describe('added caches', () => {
  test('one with the file of another is off; the others serve', () =>
    inScratch(async (directory, log) => {
      const one = `btree:${directory}/one`;
      const caches = openScratchCaches({
        directory,
        clock,
        log,
        caches: {
          smtpd: { database: one },
          web: { database: one },
          api: { database: 'internal:' },
        },
      });
      assert.deepEqual(
        caches.all.map(({ label, cache }) => [label, cache !== undefined]),
        [
          ['smtpd', true],
          ['smtp', false],
          ['lmtp', false],
          ['web', false],
          ['api', true],
        ],
      );
      assert.deepEqual(log.lines, [
        `error: web_tls_session_cache_database = ${one}: the smtpd cache has this file`,
      ]);
      caches.closeNow();
    }));

  test('so is one whose folder is another name of the folder', () =>
    inScratch(async (directory, log) => {
      symlinkSync('.', join(directory, 'link'));
      const caches = openScratchCaches({
        directory,
        clock,
        log,
        caches: {
          web: { database: `btree:${directory}/one` },
          api: { database: `btree:${directory}/link/one` },
        },
      });
      assert.notEqual(named(caches, 'web').cache, undefined);
      assert.equal(named(caches, 'api').cache, undefined);
      assert.match(
        log.lines.join('\n'),
        /^error: api_tls_\S+ = \S+: the web cache has this file$/u,
      );
      caches.closeNow();
    }));

  test('a change brings and takes one; its sessions wait in its file', () =>
    inScratch(async (directory, log) => {
      const web = `btree:${directory}/web_scache`;
      const kept = settingsOf(directory, { smtpd: 'internal:', web });
      const caches = openScratchCaches({
        directory,
        clock,
        log,
        persistent: true,
        caches: { smtpd: { database: 'internal:' } },
      });
      await named(caches, 'smtpd').cache!.update(span('mail'), span('session'));
      assert.deepEqual(await caches.change(kept), []);
      assert.deepEqual(
        caches.all.map(({ label }) => label),
        ['smtpd', 'smtp', 'lmtp', 'web'],
      );
      await named(caches, 'web').cache!.update(span('page'), span('session'));
      assert.ok(found(caches, 'web', 'page'));
      const hits = (): number =>
        [...caches.allCounters].reduce((sum, counters) => sum + counters.hits, 0);
      const before = hits();
      // The name goes, and main.cf still has the database.
      const without = {
        ...settingsOf(directory, { smtpd: 'internal:' }),
        otherDatabases: [web],
      };
      assert.deepEqual(await caches.change(without), []);
      assert.deepEqual(
        caches.all.map(({ label }) => label),
        ['smtpd', 'smtp', 'lmtp'],
      );
      assert.equal(hits(), before, 'what was counted stays counted');
      assert.ok(existsSync(join(directory, 'web_scache.tlsmgr')));
      assert.ok(found(caches, 'smtpd', 'mail'));
      assert.deepEqual(await caches.change(kept), []);
      await caches.loaded;
      assert.doesNotMatch(log.lines.join('\n'), /error|lock/u);
      caches.closeNow();
      const again = openScratchCaches({
        directory,
        clock,
        log,
        persistent: true,
        caches: { smtpd: { database: 'internal:' }, web: { database: web } },
        otherDatabases: [web],
      });
      await again.loaded;
      assert.ok(found(again, 'web', 'page'));
      again.closeNow();
    }));

  test('one that nothing names any more leaves no file', () =>
    inScratch(async (directory, log) => {
      const open = (databases: Record<string, string>): Caches =>
        openScratchCaches({
          directory,
          clock,
          log,
          persistent: true,
          caches: Object.fromEntries(
            Object.entries(databases).map(([label, database]) => [label, { database }]),
          ),
        });
      open({ web: `btree:${directory}/web_scache` }).closeNow();
      open({ smtpd: `btree:${directory}/smtpd_scache` }).closeNow();
      assert.ok(!existsSync(join(directory, 'web_scache.tlsmgr')));
      assert.match(log.lines.join('\n'), /web_scache\.tlsmgr belongs to no session cache/u);
    }));
});
