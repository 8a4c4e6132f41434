/** Limits and lifetimes that change while a cache serves. */
import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CircularLog } from '../../src/sessions/circular-log.ts';
import { geometryOf } from '../../src/sessions/geometry.ts';
import type { ByteSpan, CacheLimits } from '../../src/sessions/session-cache.ts';
import type { CachesSettings } from '../../src/sessions/caches.ts';
import { openScratchCaches, scratchDirectory } from './scratch.ts';

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
  function setUp() {
    const scratch = scratchDirectory();
    const directory = scratch.path;
    const options = { directory, clock };
    const caches = openScratchCaches({
      ...options,
      caches: { smtp: { database: `btree:${directory}/one` } },
    });
    const settings = (smtpd: string, smtp: string): CachesSettings => {
      const of = (label: 'smtpd' | 'smtp' | 'lmtp', database: string) => {
        return { ...wide, label, database, logOperations: false };
      };
      return {
        caches: { smtpd: of('smtpd', smtpd), smtp: of('smtp', smtp), lmtp: of('lmtp', '') },
        persistentCaches: false,
        cacheKeyFile: '',
        dataDirectory: directory,
        mailOwner: { name: 'x', uid: process.getuid!(), gid: process.getgid!() },
        defaultDatabaseType: 'hash',
      };
    };
    return { directory, caches, settings, remove: () => scratch.remove() };
  }

  test('a file that another cache has open is refused, by name and by link, and nothing changes', () => {
    const { directory, caches, settings, remove } = setUp();
    const one = `btree:${directory}/one`;
    symlinkSync(directory, join(directory, 'loop'));
    for (const database of [one, `btree:${directory}/loop/one`]) {
      assert.throws(() => caches.change(settings(database, one)), /do not use the same TLS cache/u);
      assert.equal(caches.smtpd.cache, undefined);
      assert.notEqual(caches.smtp.cache, undefined);
    }
    caches.closeNow();
    remove();
  });

  test('the file of a cache that was switched off is free for another', () => {
    const { directory, caches, settings, remove } = setUp();
    const one = `btree:${directory}/one`;
    assert.deepEqual(caches.change(settings('', '')), []);
    assert.equal(caches.smtp.cache, undefined);
    assert.deepEqual(caches.change(settings(one, '')), []);
    assert.notEqual(caches.smtpd.cache, undefined);
    assert.deepEqual(caches.change(settings(`btree:${directory}/two`, '')), ['smtpd']);
    assert.equal(caches.smtpd.database, one);
    caches.closeNow();
    remove();
  });
});
