/** What each call on the caches does in each of their states. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LogLines } from '../log-lines.ts';
import { postfixCacheNames } from '../../src/config/cache-names.ts';
import { LoggedCache } from '../../src/sessions/logged-cache.ts';
import { OpenCache } from '../../src/sessions/open-cache.ts';
import type { Caches, CachesSettings } from '../../src/sessions/caches.ts';
import { cacheTypes, openerOf } from '../../src/sessions/cache-types.ts';
import { CircularLog } from '../../src/sessions/memory/circular-log.ts';
import { lateCache } from '../contracts/late-cache.ts';
import { lookupText, span, TestClock } from '../contracts/session-cache.ts';
import { named, openScratchCaches, scratchDirectory } from './scratch.ts';

const limits = { lifetimeSeconds: 120, sizeLimitBytes: 0, entryLimit: 0 };

interface Stage {
  caches: Caches;
  /** Asks for a cache of lmtp besides. */
  next: CachesSettings;
  /** The same, and its file is locked by another until release(). */
  blocked: CachesSettings;
  release: () => void;
  end: () => Promise<void>;
  /** The change that is under way. */
  under?: Promise<unknown>;
}

async function stage(): Promise<Stage> {
  const scratch = scratchDirectory();
  const directory = scratch.path;
  const clock = new TestClock();
  const database = `btree:${directory}/held`;
  const holder = openScratchCaches({ directory, clock, caches: { smtpd: { database } } });
  const caches = openScratchCaches({
    directory,
    clock,
    lockPatienceMs: 60_000,
    caches: { smtp: { database: 'internal:' } },
  });
  await named(caches, 'smtp').cache!.update(span('id'), span('session'));
  const settings = (lmtp: string): CachesSettings => {
    const databases: Record<string, string> = { smtp: 'internal:', lmtp };
    return {
      caches: new Map(
        postfixCacheNames.map((label) => [
          label,
          { ...limits, label, database: databases[label] ?? '', logOperations: false },
        ]),
      ),
      persistentCaches: false,
      cacheKeyFile: '',
      dataDirectory: directory,
      mailOwner: { name: 'x', uid: process.getuid!(), gid: process.getgid!() },
      defaultDatabaseType: 'hash',
      otherDatabases: [],
    };
  };
  const made: Stage = {
    caches,
    next: settings('internal:'),
    blocked: settings(database),
    release: () => holder.closeNow(),
    end: async () => {
      holder.closeNow();
      await made.under;
      caches.closeNow();
      scratch.remove();
    },
  };
  return made;
}

/** Brings the caches into each state in which somebody can call them. */
const reach: Record<'serving' | 'changing' | 'closed', (made: Stage) => void> = {
  serving: () => {},
  changing: (made) => {
    made.under = made.caches.change(made.blocked);
  },
  closed: ({ caches }) => caches.closeNow(),
};

/** What holds after a call, by the state before it. */
const calls: Record<string, Record<keyof typeof reach, (made: Stage) => Promise<void>>> = {
  'a change': {
    serving: async ({ caches, next }) => {
      assert.deepEqual(await caches.change(next), []);
      assert.notEqual(named(caches, 'lmtp').cache, undefined);
    },
    changing: async ({ caches, next, release, under }) => {
      await assert.rejects(caches.change(next), /the caches can't be changed: changing/u);
      release();
      await under;
      // The one before it is done all the same, and the next is taken again.
      assert.notEqual(named(caches, 'lmtp').cache, undefined);
      assert.deepEqual(await caches.change(next), ['lmtp']);
    },
    closed: async ({ caches, next }) => {
      await assert.rejects(caches.change(next), /the caches can't be changed: closed/u);
      assert.equal(named(caches, 'lmtp').cache, undefined);
    },
  },
  'a look-up': {
    serving: async ({ caches }) => {
      assert.equal(await lookupText(named(caches, 'smtp').cache!, 'id'), 'session');
    },
    changing: async ({ caches }) => {
      assert.equal(await lookupText(named(caches, 'smtp').cache!, 'id'), 'session');
    },
    closed: async ({ caches }) => {
      assert.equal(await lookupText(named(caches, 'smtp').cache!, 'id'), null);
    },
  },
  'a close': {
    serving: async ({ caches }) => {
      caches.closeNow();
      await caches.loaded;
      assert.equal(await lookupText(named(caches, 'smtp').cache!, 'id'), null);
    },
    changing: async ({ caches, next, release, under }) => {
      caches.closeNow();
      release();
      await under;
      const { cache } = named(caches, 'lmtp');
      await cache!.update(span('id'), span('session'));
      assert.equal(await lookupText(cache!, 'id'), null, 'opened after the close, and left open');
      await assert.rejects(caches.change(next), /the caches can't be changed: closed/u);
    },
    closed: async ({ caches }) => {
      caches.closeNow();
      await caches.loaded;
    },
  },
};

describe('the caches', () => {
  for (const [call, outcomes] of Object.entries(calls)) {
    for (const from of Object.keys(reach) as (keyof typeof reach)[]) {
      test(`${from}, ${call}`, async () => {
        const made = await stage();
        reach[from](made);
        await outcomes[from](made);
        await made.end();
      });
    }
  }

  test('a change that is refused leaves them serving', async () => {
    const made = await stage();
    const { caches, next } = made;
    const twice = new Map(next.caches);
    for (const label of ['smtpd', 'lmtp']) {
      twice.set(label, { ...twice.get(label)!, database: `btree:${next.dataDirectory}/one` });
    }
    await assert.rejects(caches.change({ ...next, caches: twice }), /the same TLS cache file/u);
    assert.deepEqual(await caches.change(next), []);
    await made.end();
  });
});

describe('a type of database', () => {
  test('has an opener, unless it is read-only', () => {
    for (const [type, { keptIn }] of cacheTypes) {
      if (keptIn === 'read-only') {
        assert.throws(() => openerOf(type), RangeError);
      } else {
        assert.equal(typeof openerOf(type), 'function');
      }
    }
    assert.throws(() => openerOf('unheard of'), RangeError);
  });

  test('may have a store that answers later: its operations are logged all the same', async () => {
    const clock = new TestClock();
    const memory = new CircularLog({ ...limits, slotBytes: 4096, segmentBytes: 3072 }, { clock });
    const settings = { ...limits, label: 'smtp', database: 'far:away', logOperations: true };
    const log = new LogLines();
    let closes = 0;
    const open = new OpenCache(
      { settings, database: { kind: 'memory', type: 'far' }, path: undefined },
      { ...settings },
      {
        cache: lateCache(memory),
        loaded: Promise.resolve(),
        released: Promise.resolve(),
        closeNow: () => void (closes += 1),
      },
      { log, clock },
    );
    assert.ok(open.cache instanceof LoggedCache);
    const id = span('id');
    const stored = open.cache.update(id, span('session'));
    id.buffer.fill(0);
    await stored;
    clock.pass(20);
    assert.equal(await lookupText(open.cache, 'id'), 'session');
    assert.deepEqual(log.lines, [
      'tlsmgr_cache_run_event: start TLS smtp session cache cleanup',
      'put smtp session id=id [data 7 bytes]',
      'write smtp TLS cache entry id: time=1700000000 [data 7 bytes]',
      'lookup smtp session id=id',
      'read smtp TLS cache entry id: time=1700000000 [data 7 bytes]',
    ]);
    open.closeNow();
    open.closeNow();
    assert.equal(closes, 1);
  });
});
