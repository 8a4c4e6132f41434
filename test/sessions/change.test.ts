/** Limits and lifetimes that change while a cache serves. */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import fc from 'fast-check';
import { type CacheName, postfixCacheNames } from '../../src/config/cache-names.ts';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { geometryOf } from '../../src/sessions/file/geometry.ts';
import type { ByteSpan, CacheLimits } from '../../src/sessions/session-cache.ts';
import type { CachesSettings } from '../../src/sessions/caches.ts';
import { named, type OpenOptions, openScratchCaches, scratchDirectory } from './scratch.ts';

const clock = {
  seconds: 1000,
  nowSeconds: () => clock.seconds,
  monotonicMs: () => clock.seconds * 1000,
};

function span(text: string | Buffer): ByteSpan {
  const buffer = Buffer.from(text);
  return { buffer, start: 0, end: buffer.length };
}

const wide: CacheLimits = { lifetimeSeconds: 3600, sizeLimitBytes: 0, entryLimit: 0 };

function filled(entries: number): CircularLog {
  const log = new CircularLog({ ...wide, ...geometryOf(0) }, { clock });
  for (let count = 0; count < entries; count += 1) {
    log.update(span(`id ${count}`), span(Buffer.alloc(100)));
  }
  return log;
}

/** Lets the cache do its work in the background. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}

describe('changed limits', () => {
  test('a cache shrinks in steps, never grows meanwhile, and loses the oldest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 400 }),
        fc.oneof(
          fc.record({ entryLimit: fc.integer({ min: 1, max: 300 }) }),
          fc.record({ sizeLimitBytes: fc.integer({ min: 200, max: 30_000 }) }),
        ),
        async (entries, limits) => {
          const log = filled(entries);
          const wanted = { ...wide, ...limits };
          const fits = (): boolean => {
            const { entries: held, bytes } = log.statistics();
            return (
              (wanted.entryLimit === 0 || held <= wanted.entryLimit) &&
              (wanted.sizeLimitBytes === 0 || bytes <= wanted.sizeLimitBytes)
            );
          };
          log.change(wanted);
          const before = log.statistics();
          assert.equal(before.entryLimit, wanted.entryLimit);
          log.update(span('new'), span(Buffer.alloc(50)));
          const after = log.statistics();
          assert.ok(fits() || after.entries <= before.entries || after.bytes <= before.bytes);
          await until(fits);
          assert.notEqual(log.lookup(span('new')), undefined);
          const { entries: left } = log.statistics();
          for (let count = 0; count < entries; count += 1) {
            const found = log.lookup(span(`id ${count}`)) !== undefined;
            assert.equal(found, count > entries - left, `${count} of ${entries}, ${left} left`);
          }
          log.closeNow();
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a shorter life ends at once what is older, a longer one keeps it', () => {
    const log = filled(1);
    clock.seconds += 500;
    log.change({ ...wide, lifetimeSeconds: 400 });
    assert.equal(log.lookup(span('id 0')), undefined);
    const other = filled(1);
    clock.seconds += 3601;
    other.change({ ...wide, lifetimeSeconds: 7200 });
    assert.notEqual(other.lookup(span('id 0')), undefined);
    log.closeNow();
    other.closeNow();
  });
});

describe('changed caches', () => {
  function setUp(options: Partial<OpenOptions> = {}) {
    const scratch = scratchDirectory();
    const directory = scratch.path;
    const log = new LogLines();
    const one = `btree:${directory}/one`;
    const two = `btree:${directory}/two`;
    const caches = openScratchCaches({
      directory,
      clock,
      log,
      caches: { smtp: { database: one } },
      ...options,
    });
    const settings = (databases: Record<CacheName, string>): CachesSettings => {
      const of = (label: CacheName) => {
        const database = databases[label] ?? '';
        return { ...wide, label, database, logOperations: false };
      };
      return {
        caches: new Map(postfixCacheNames.map((name) => [name, of(name)])),
        persistentCaches: options.persistent ?? false,
        cacheKeyFile: '',
        dataDirectory: directory,
        mailOwner: { name: 'x', uid: process.getuid!(), gid: process.getgid!() },
        defaultDatabaseType: 'hash',
        otherDatabases: [],
      };
    };
    return { directory, one, two, log, caches, settings, remove: () => scratch.remove() };
  }

  test('a file that another cache has open is refused, by name and by link, and nothing changes', async () => {
    const { directory, one, two, log, caches, settings, remove } = setUp({ lockPatienceMs: 0 });
    symlinkSync(directory, join(directory, 'loop'));
    for (const lmtp of [one, `btree:${directory}/loop/one`]) {
      await assert.rejects(
        caches.change(settings({ smtpd: two, smtp: one, lmtp })),
        /do not use the same TLS cache/u,
      );
      assert.deepEqual(
        [named(caches, 'smtpd').cache, named(caches, 'lmtp').cache],
        [undefined, undefined],
      );
      assert.notEqual(named(caches, 'smtp').cache, undefined);
    }
    // Nothing was left locked: this one needn't wait for anything.
    assert.deepEqual(await caches.change(settings({ smtpd: two, smtp: one })), []);
    assert.notEqual(named(caches, 'smtpd').cache, undefined);
    assert.deepEqual(log.lines, []);
    caches.closeNow();
    remove();
  });

  test('the file of a cache that was switched off is free for another', async () => {
    const { directory, one, caches, settings, remove } = setUp();
    const three = `btree:${directory}/three`;
    assert.deepEqual(await caches.change(settings({})), []);
    assert.equal(named(caches, 'smtp').cache, undefined);
    assert.deepEqual(await caches.change(settings({ smtpd: one })), []);
    assert.notEqual(named(caches, 'smtpd').cache, undefined);
    assert.deepEqual(await caches.change(settings({ smtpd: three })), ['smtpd']);
    assert.equal(named(caches, 'smtpd').database, one);
    caches.closeNow();
    remove();
  });

  test('a file moves from one cache to another at once', async () => {
    for (const persistent of [false, true]) {
      const { one, log, caches, settings, remove } = setUp({ persistent });
      await named(caches, 'smtp').cache!.update(span('id'), span('session'));
      assert.deepEqual(await caches.change(settings({ smtpd: one })), []);
      assert.equal(named(caches, 'smtp').cache, undefined);
      assert.equal(named(caches, 'smtpd').cache!.lookup(span('id')), undefined);
      await named(caches, 'smtpd').cache!.update(span('id'), span('session'));
      assert.notEqual(named(caches, 'smtpd').cache!.lookup(span('id')), undefined);
      assert.doesNotMatch(log.lines.join('\n'), /error|lock/u);
      caches.closeNow();
      remove();
    }
  });

  test('the database in force counts, not the one that waits for the next start', async () => {
    const { one, two, caches, settings, remove } = setUp();
    assert.deepEqual(await caches.change(settings({ smtp: two })), ['smtp']);
    assert.deepEqual(await caches.change(settings({ smtp: two, lmtp: one })), ['smtp', 'lmtp']);
    assert.equal(named(caches, 'smtp').database, one);
    assert.equal(named(caches, 'lmtp').cache, undefined);
    caches.closeNow();
    remove();
  });

  test('a cache whose file another one keeps until the next start waits, and all else is applied', async () => {
    const { directory, one, two, log, caches, settings, remove } = setUp({ lockPatienceMs: 0 });
    const three = `btree:${directory}/three`;
    const swapped = settings({ smtp: two, smtpd: one, lmtp: three });
    swapped.caches.get('smtp')!.entryLimit = 7;
    assert.deepEqual((await caches.change(swapped)).toSorted(), ['smtp', 'smtpd']);
    assert.equal(named(caches, 'smtp').database, one);
    assert.equal(named(caches, 'smtp').cache!.statistics().entryLimit, 7);
    assert.equal(named(caches, 'smtpd').cache, undefined);
    assert.notEqual(named(caches, 'lmtp').cache, undefined);
    assert.deepEqual(log.lines, [
      `warning: smtpd_tls_session_cache_database = ${one}: off until the next start: the smtp cache has this file until then`,
    ]);
    // Once the file is free, a reload opens it.
    assert.deepEqual(await caches.change(settings({ smtpd: one })), []);
    assert.notEqual(named(caches, 'smtpd').cache, undefined);
    caches.closeNow();
    remove();
  });

  test('a change that fails halfway is undone: what left for it comes back', async () => {
    const log = new (class extends LogLines {
      failing = false;
      override info(text: string): void {
        if (this.failing && text.startsWith('open lmtp')) {
          throw new Error('failed halfway');
        }
        super.info(text);
      }
    })();
    const { one, two, caches, settings, remove } = setUp({
      persistent: true,
      log,
      lockPatienceMs: 0,
    });
    await named(caches, 'smtp').cache!.update(span('id'), span('session'));
    const next = settings({ smtpd: one, lmtp: two });
    next.caches.get('lmtp')!.logOperations = true;
    log.failing = true;
    await assert.rejects(caches.change(next), /failed halfway/u);
    assert.deepEqual(
      [named(caches, 'smtpd').cache, named(caches, 'lmtp').cache],
      [undefined, undefined],
    );
    assert.equal(named(caches, 'smtp').database, one);
    await named(caches, 'smtp').cache!.update(span('other'), span('session'));
    assert.notEqual(named(caches, 'smtp').cache!.lookup(span('other')), undefined);
    log.failing = false;
    assert.deepEqual(await caches.change(next), []);
    assert.notEqual(named(caches, 'lmtp').cache, undefined);
    assert.doesNotMatch(log.lines.join('\n'), /error|lock/u);
    caches.closeNow();
    remove();
  });

  test('waits for a lock without keeping anybody waiting', async () => {
    const { directory, one, two, log, caches, settings, remove } = setUp({
      lockPatienceMs: 60_000,
    });
    const holder = openScratchCaches({ directory, clock, caches: { smtp: { database: two } } });
    let served = 0;
    const serving = setInterval(() => {
      served += 1;
      assert.equal(named(caches, 'smtp').cache!.lookup(span('x')), undefined);
      if (served === 30) {
        holder.closeNow();
      }
    }, 1);
    await caches.change(settings({ smtpd: two, smtp: one }));
    clearInterval(serving);
    assert.ok(served >= 30);
    assert.notEqual(named(caches, 'smtpd').cache, undefined);
    assert.deepEqual(log.lines, []);
    caches.closeNow();
    remove();
  });

  test('a process that ends meanwhile leaves nothing open', async () => {
    const { directory, one, two, caches, settings, remove } = setUp();
    const holder = openScratchCaches({ directory, clock, caches: { smtp: { database: two } } });
    const changing = caches.change(settings({ smtpd: two, smtp: one }));
    caches.closeNow();
    holder.closeNow();
    await changing;
    const log = new LogLines();
    const databases = { smtpd: { database: two }, smtp: { database: one } };
    openScratchCaches({ directory, clock, log, caches: databases, lockPatienceMs: 0 }).closeNow();
    assert.deepEqual(log.lines, []);
    remove();
  });
});
