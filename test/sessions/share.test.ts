/** A cache that is shared with other hosts stands around the local one, and behind the one that logs. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import { openCaches, type Caches, type CachesSettings } from '../../src/sessions/caches.ts';
import { LoggedCache } from '../../src/sessions/logged-cache.ts';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import type { CacheLimits, SessionCache } from '../../src/sessions/session-cache.ts';
import { lateCache } from '../contracts/late-cache.ts';
import { lookupText, span, TestClock } from '../contracts/session-cache.ts';
import { named, scratchDirectory } from './scratch.ts';

interface Shared {
  label: string;
  local: SessionCache;
  limits: CacheLimits;
  calls: string[];
}

const limits: CacheLimits = { lifetimeSeconds: 120, sizeLimitBytes: 1_000_000, entryLimit: 0 };

/** A cache that notes how it is called. */
function noting(local: SessionCache, calls: string[]): SessionCache {
  return {
    lookup(id) {
      calls.push('lookup');
      return local.lookup(id);
    },
    storedAtSeconds: (found) => local.storedAtSeconds(found),
    update: (id, session) => local.update(id, session),
    delete: (id) => local.delete(id),
    flush() {
      calls.push('flush');
      return local.flush();
    },
    list: (cursor, limit) => local.list(cursor, limit),
    statistics: () => local.statistics(),
    change(next) {
      calls.push(`change ${next.lifetimeSeconds}`);
      local.change(next);
    },
    closeNow() {
      calls.push('close');
      local.closeNow();
    },
  };
}

function setUp(
  options: { logOperations?: boolean; around?: (local: SessionCache) => SessionCache } = {},
) {
  const scratch = scratchDirectory();
  const log = new LogLines();
  const shared: Shared[] = [];
  const settingsWith = (
    more: Partial<CacheLimits> & { database?: string } = {},
  ): CachesSettings => ({
    caches: new Map([
      [
        'smtp',
        {
          label: 'smtp',
          database: 'internal:',
          logOperations: options.logOperations ?? false,
          ...limits,
          ...more,
        },
      ],
    ]),
    persistentCaches: false,
    cacheKeyFile: '',
    dataDirectory: scratch.path,
    mailOwner: { name: 'postfix', uid: process.getuid!(), gid: process.getgid!() },
    defaultDatabaseType: 'hash',
    otherDatabases: [],
  });
  const caches: Caches = openCaches(settingsWith(), {
    log,
    clock: new TestClock(),
    share(label, local, limitsNow) {
      const calls: string[] = [];
      shared.push({ label, local, limits: limitsNow, calls });
      return noting(options.around?.(local) ?? local, calls);
    },
  });
  return { caches, log, shared, settingsWith, remove: () => scratch.remove() };
}

describe('a cache that is shared', () => {
  test('is made around the local one, with its limits, when it is opened', async () => {
    const { caches, shared, settingsWith, remove } = setUp();
    assert.equal(shared.length, 1);
    const [{ label, local, limits: asked, calls }] = shared as [Shared];
    assert.equal(label, 'smtp');
    assert.ok(local instanceof CircularLog);
    assert.deepEqual(asked, limits);
    const cache = named(caches, 'smtp').cache!;
    await cache.update(span('id'), span('session'));
    assert.equal(await lookupText(cache, 'id'), 'session');
    await caches.change(settingsWith({ lifetimeSeconds: 300 }));
    caches.closeNow();
    assert.deepEqual(calls, ['lookup', 'change 300', 'close']);
    assert.equal(await lookupText(cache, 'id'), null);
    remove();
  });

  test('stands behind the one that logs', async () => {
    const { caches, log, remove } = setUp({
      logOperations: true,
      around: (local) => lateCache(local),
    });
    const cache = named(caches, 'smtp').cache!;
    assert.ok(cache instanceof LoggedCache);
    log.lines.length = 0;
    const stored = cache.update(span('id'), span('session'));
    assert.deepEqual(log.lines, ['put smtp session id=id [data 7 bytes]']);
    await stored;
    assert.equal(await lookupText(cache, 'id'), 'session');
    assert.deepEqual(log.lines, [
      'put smtp session id=id [data 7 bytes]',
      'write smtp TLS cache entry id: time=1700000000 [data 7 bytes]',
      'lookup smtp session id=id',
      'read smtp TLS cache entry id: time=1700000000 [data 7 bytes]',
    ]);
    caches.closeNow();
    remove();
  });

  test('that fails to store later is not logged as if it had stored', async () => {
    const { caches, log, remove } = setUp({
      logOperations: true,
      around: (local) => lateCache(local, () => Promise.reject(new Error('the network is down'))),
    });
    const cache = named(caches, 'smtp').cache!;
    log.lines.length = 0;
    await assert.rejects(async () => cache.update(span('id'), span('session')), /is down/u);
    assert.deepEqual(log.lines, ['put smtp session id=id [data 7 bytes]']);
    caches.closeNow();
    remove();
  });

  test('is closed and overwritten when main.cf has it no more, and made anew when it is back', async () => {
    const { caches, shared, settingsWith, remove } = setUp();
    await caches.change(settingsWith({ database: '' }));
    assert.deepEqual(shared[0]!.calls, ['close', 'flush']);
    await caches.change(settingsWith());
    assert.equal(shared.length, 2);
    caches.closeNow();
    remove();
  });

  test('that can not be overwritten costs a warning', async () => {
    const { caches, log, settingsWith, remove } = setUp({
      around: (local) => ({
        ...lateCache(local),
        flush: () => Promise.reject(new Error('the network is down')),
      }),
    });
    await caches.change(settingsWith({ database: '' }));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    assert.deepEqual(log.lines, [
      'warning: cannot overwrite the closed smtp TLS session cache: the network is down',
    ]);
    caches.closeNow();
    remove();
  });
});
