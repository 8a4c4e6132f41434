/**
 * What every SessionCache does, whatever keeps its entries. A suite that a test
 * file runs for one kind: sessionCacheContract('memory', (limits) => ...).
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ByteSpan,
  longestIdBytes,
  type SessionCache,
} from '../../src/sessions/session-cache.ts';
import type { Clock } from '../../src/system/clock.ts';

export class TestClock implements Clock {
  wallSeconds = 1_700_000_000;
  ms = 5000;

  nowSeconds(): number {
    return this.wallSeconds;
  }

  monotonicMs(): number {
    return this.ms;
  }

  /** Time goes by. */
  pass(seconds: number): void {
    this.wallSeconds += seconds;
    this.ms += seconds * 1000;
  }

  /** Somebody sets the wall clock. */
  setWall(seconds: number): void {
    this.wallSeconds = seconds;
  }
}

export interface ContractLimits {
  lifetimeSeconds: number;
  sizeLimitBytes: number;
  entryLimit: number;
}

/** What not every store promises. */
export interface Support {
  /** Lists entries, and can tell all of them. */
  listing: boolean;
  /** Lists, and evicts, in the order of arrival. */
  arrivalOrder: boolean;
  /** Keeps limits to the byte and to the entry, at the end of each call. */
  exactLimits: boolean;
}

export const supportsAll: Support = { listing: true, arrivalOrder: true, exactLimits: true };

export interface CacheUnderTest {
  cache: SessionCache;
  clock: TestClock;
  /** Ends the test of this cache. */
  end(): void | Promise<void>;
}

/** A span in the middle of a larger buffer, as those of a request are. */
export function span(content: string | Buffer): ByteSpan {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const buffer = Buffer.concat([Buffer.from('<<<'), bytes, Buffer.from('>>')]);
  return { buffer, start: 3, end: 3 + bytes.length };
}

export async function lookupText(cache: SessionCache, id: string | Buffer): Promise<string | null> {
  return textOf(await cache.lookup(span(id)));
}

function textOf(found: ByteSpan | undefined): string | null {
  return found === undefined ? null : found.buffer.toString('latin1', found.start, found.end);
}

const usual: ContractLimits = {
  lifetimeSeconds: 120,
  sizeLimitBytes: 1_000_000,
  entryLimit: 0,
};

async function listAll(cache: SessionCache, pageSize: number): Promise<string[]> {
  const ids: string[] = [];
  let cursor = '';
  do {
    const page = await cache.list(cursor, pageSize);
    assert.ok(page.entries.length <= pageSize);
    ids.push(...page.entries.map((entry) => entry.id.toString()));
    cursor = page.nextCursor;
  } while (cursor !== '');
  return ids;
}

export function sessionCacheContract(
  kind: string,
  open: (limits: ContractLimits) => CacheUnderTest | Promise<CacheUnderTest>,
  supports: Support = supportsAll,
): void {
  const check = (
    name: string,
    body: (under: CacheUnderTest) => Promise<void>,
    limits: Partial<ContractLimits> = {},
    needs: readonly (keyof Support)[] = [],
  ): void => {
    const missing = needs.filter((one) => !supports[one]);
    const skip = missing.length > 0 && `not supported: ${missing.join(', ')}`;
    void test(name, { skip }, async () => {
      const under = await open({ ...usual, ...limits });
      try {
        await body(under);
      } finally {
        await under.end();
      }
    });
  };

  void describe(`a session cache: ${kind}`, () => {
    check('gives back what was stored, and nothing else', async ({ cache }) => {
      assert.equal(await lookupText(cache, 'a'), null);
      await cache.update(span('a'), span('session a'));
      await cache.update(span('b'), span('session b'));
      assert.equal(await lookupText(cache, 'a'), 'session a');
      assert.equal(await lookupText(cache, 'b'), 'session b');
      assert.equal(await lookupText(cache, 'A'), null);
      assert.equal(await lookupText(cache, 'ab'), null);
    });

    check('needs its arguments no longer than the call takes to return', async ({ cache }) => {
      const [id, session] = [span('id'), span('content')];
      const stored = cache.update(id, session);
      id.buffer.fill(0x7a);
      session.buffer.fill(0x7a);
      await stored;
      const wanted = span('id');
      const found = cache.lookup(wanted);
      wanted.buffer.fill(0x7a);
      assert.equal(textOf(await found), 'content');
      const unwanted = span('id');
      const deleted = cache.delete(unwanted);
      unwanted.buffer.fill(0x7a);
      assert.equal(await deleted, true);
    });

    check('what it promises belongs to whoever is promised it', async ({ cache }) => {
      await cache.update(span('a'), span('session a'));
      await cache.update(span('b'), span('session b'));
      const first = cache.lookup(span('a'));
      if (!(first instanceof Promise)) {
        // Lent: whoever has it reads it before the next call.
        assert.equal(textOf(first), 'session a');
        return;
      }
      const [a, b, again] = await Promise.all([
        first,
        cache.lookup(span('b')),
        cache.lookup(span('a')),
      ]);
      await cache.flush();
      assert.deepEqual([textOf(a), textOf(b)], ['session a', 'session b']);
      a!.buffer.fill(0);
      assert.equal(textOf(again), 'session a');
    });

    check('tells when what it found was stored', async ({ cache, clock }) => {
      const storedAt = clock.wallSeconds;
      await cache.update(span('a'), span('session'));
      clock.pass(30);
      const found = await cache.lookup(span('a'));
      assert.equal(cache.storedAtSeconds(found!), storedAt);
    });

    check('takes any bytes as id and as session, none included', async ({ cache }) => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await cache.update(span(''), span('of nobody'));
      await cache.update(span(every), span(''));
      await cache.update(span(Buffer.from([0xff])), span(every));
      assert.equal(await lookupText(cache, ''), 'of nobody');
      assert.equal(await lookupText(cache, every), '');
      assert.equal(await lookupText(cache, Buffer.from([0xff])), every.toString('latin1'));
    });

    check('takes ids of 40 kB and sessions of 200 kB', async ({ cache }) => {
      const id = Buffer.alloc(40_000, 'i');
      const session = Buffer.alloc(200_000, 's');
      await cache.update(span(id), span(session));
      assert.equal(await lookupText(cache, id), session.toString('latin1'));
    });

    check('replaces', async ({ cache }) => {
      await cache.update(span('a'), span('one'));
      await cache.update(span('a'), span('another one'));
      assert.equal(await lookupText(cache, 'a'), 'another one');
      const { entries, stored, replaced } = cache.statistics();
      assert.deepEqual({ entries, stored, replaced }, { entries: 1, stored: 1, replaced: 1 });
    });

    check('deletes, and says whether there was something', async ({ cache, clock }) => {
      await cache.update(span('a'), span('one'));
      assert.equal(await cache.delete(span('a')), true);
      assert.equal(await cache.delete(span('a')), false);
      assert.equal(await lookupText(cache, 'a'), null);
      await cache.update(span('b'), span('two'));
      clock.pass(usual.lifetimeSeconds + 1);
      assert.equal(await cache.delete(span('b')), false, 'expired is not there');
    });

    check('serves an entry for its lifetime, the last second included', async (under) => {
      await under.cache.update(span('a'), span('one'));
      under.clock.pass(usual.lifetimeSeconds);
      assert.equal(await lookupText(under.cache, 'a'), 'one');
      under.clock.pass(1);
      assert.equal(await lookupText(under.cache, 'a'), null);
      assert.equal(under.cache.statistics().expired, 1);
      assert.equal(under.cache.statistics().entries, 0);
    });

    check('counts a lifetime from the store, renewed by storing again', async (under) => {
      await under.cache.update(span('a'), span('one'));
      await under.cache.update(span('b'), span('two'));
      under.clock.pass(usual.lifetimeSeconds - 10);
      assert.equal(await lookupText(under.cache, 'a'), 'one');
      await under.cache.update(span('b'), span('two again'));
      under.clock.pass(20);
      assert.equal(await lookupText(under.cache, 'a'), null, 'a lookup renews nothing');
      assert.equal(await lookupText(under.cache, 'b'), 'two again');
    });

    check('a wall clock that is set neither loses nor keeps entries', async (under) => {
      const { cache, clock } = under;
      await cache.update(span('a'), span('one'));
      clock.setWall(clock.wallSeconds + 1_000_000);
      assert.equal(await lookupText(cache, 'a'), 'one');
      clock.setWall(10);
      clock.pass(usual.lifetimeSeconds);
      assert.equal(await lookupText(cache, 'a'), 'one');
      clock.pass(1);
      assert.equal(await lookupText(cache, 'a'), null);
    });

    check(
      'keeps within its size exactly, the oldest going first',
      async ({ cache }) => {
        for (const id of ['a', 'b', 'c', 'd']) {
          await cache.update(span(id), span(Buffer.alloc(249, id)));
        }
        assert.equal(cache.statistics().bytes, 1000);
        await cache.update(span('a'), span(Buffer.alloc(249, 'A')));
        await cache.update(span('e'), span(''));
        assert.equal(await lookupText(cache, 'b'), null);
        assert.equal(await lookupText(cache, 'c'), 'c'.repeat(249));
        assert.equal(await lookupText(cache, 'a'), 'A'.repeat(249));
        const { bytes, evicted, entries } = cache.statistics();
        assert.deepEqual({ bytes, evicted, entries }, { bytes: 751, evicted: 1, entries: 4 });
      },
      { sizeLimitBytes: 1000 },
      ['exactLimits', 'arrivalOrder'],
    );

    check(
      'an entry above the limit is not kept, nor what it replaces',
      async ({ cache }) => {
        await cache.update(span('a'), span('small'));
        await cache.update(span('b'), span('small'));
        await cache.update(span('a'), span(Buffer.alloc(1000)));
        assert.equal(await lookupText(cache, 'a'), null);
        assert.equal(await lookupText(cache, 'b'), 'small');
      },
      { sizeLimitBytes: 1000 },
      ['exactLimits'],
    );

    check(
      'keeps within its number of entries',
      async ({ cache }) => {
        for (const id of ['a', 'b', 'c', 'd']) {
          await cache.update(span(id), span(id));
        }
        assert.equal(cache.statistics().entries, 3);
        assert.equal(await lookupText(cache, 'a'), null);
        assert.equal(await lookupText(cache, 'b'), 'b');
      },
      { entryLimit: 3 },
      ['exactLimits', 'arrivalOrder'],
    );

    const forListing: readonly (keyof Support)[] = ['listing', 'arrivalOrder'];

    check(
      'lists in the order of arrival, page by page, stable under change',
      async (under) => {
        const { cache, clock } = under;
        for (let n = 0; n < 50; n += 1) {
          await cache.update(span(`id${n}`), span('x'.repeat(n)));
        }
        const expected = Array.from({ length: 50 }, (_, n) => `id${n}`);
        assert.deepEqual(await listAll(cache, 7), expected);
        assert.deepEqual(await listAll(cache, 1000), expected);

        clock.pass(10);
        const first = await cache.list('', 5);
        assert.deepEqual(
          first.entries.map(({ id, ...rest }) => ({ id: id.toString(), ...rest }))[3],
          {
            id: 'id3',
            sessionBytes: 3,
            storedAtSeconds: clock.wallSeconds - 10,
            expiresAtSeconds: clock.wallSeconds + 110,
          },
        );
        await cache.delete(span('id4'));
        await cache.delete(span('id5'));
        await cache.update(span('id6'), span('again'));
        const second = await cache.list(first.nextCursor, 2);
        assert.deepEqual(
          second.entries.map((entry) => entry.id.toString()),
          ['id7', 'id8'],
        );
        assert.equal((await listAll(cache, 9)).at(-1), 'id6');
      },
      {},
      forListing,
    );

    check(
      'lists long ids on short pages, each of them once',
      async ({ cache }) => {
        const ids = Array.from({ length: 9 }, (_, n) => `${n}`.repeat(n === 4 ? 60_000 : 20_000));
        for (const id of ids) {
          await cache.update(span(id), span(''));
        }
        const listed: string[] = [];
        for (let cursor = ''; ;) {
          const { entries, nextCursor } = await cache.list(cursor, 500);
          const texts = entries.map(({ id }) => id.toString());
          assert.ok(texts.join('').length <= longestIdBytes, 'a page without bound');
          listed.push(...texts);
          if (nextCursor === '') {
            break;
          }
          cursor = nextCursor;
        }
        assert.deepEqual(listed, ids);
      },
      {},
      forListing,
    );

    check(
      'a cursor that nobody gave out lists from the start',
      async ({ cache }) => {
        await cache.update(span('a'), span(''));
        assert.equal((await cache.list('no cursor', 10)).entries.length, 1);
      },
      {},
      forListing,
    );

    check('flushes', async ({ cache }) => {
      await cache.update(span('a'), span('one'));
      await cache.update(span('b'), span('two'));
      assert.equal(await cache.flush(), 2);
      assert.equal(await lookupText(cache, 'a'), null);
      assert.equal(cache.statistics().bytes, 0);
      await cache.update(span('a'), span('new'));
      assert.equal(await lookupText(cache, 'a'), 'new');
    });

    check('counts hits and misses', async ({ cache }) => {
      await cache.update(span('a'), span('one'));
      await lookupText(cache, 'a');
      await lookupText(cache, 'a');
      await lookupText(cache, 'b');
      const { hits, misses } = cache.statistics();
      assert.deepEqual({ hits, misses }, { hits: 2, misses: 1 });
    });

    /** Every call, as the requests make it. */
    const calls: Record<string, (cache: SessionCache) => unknown> = {
      'a look-up': (cache) => cache.lookup(span('a')),
      'an update': (cache) => cache.update(span('a'), span('new')),
      'a delete': (cache) => cache.delete(span('a')),
      'a flush': (cache) => cache.flush(),
      'a listing': (cache) => cache.list('', 10),
      statistics: (cache) => cache.statistics(),
      'new limits': (cache) => cache.change({ ...usual, entryLimit: 1 }),
      'another close': (cache) => cache.closeNow(),
    };

    for (const [name, call] of Object.entries(calls)) {
      check(`${name} that is under way when it closes comes to an end`, async ({ cache }) => {
        await cache.update(span('a'), span('one'));
        const outcome = Promise.resolve(call(cache));
        cache.closeNow();
        await outcome.catch((reason: unknown) => assert.ok(reason instanceof Error));
      });

      check(`${name} on a closed one throws nothing and stores nothing`, async ({ cache }) => {
        await cache.update(span('a'), span('one'));
        cache.closeNow();
        await call(cache);
        assert.equal(await lookupText(cache, 'a'), null);
      });
    }

    check('a closed one answers like an empty one', async ({ cache }) => {
      await cache.update(span('a'), span('one'));
      cache.closeNow();
      await cache.update(span('b'), span('two'));
      assert.deepEqual([await lookupText(cache, 'a'), await lookupText(cache, 'b')], [null, null]);
      assert.equal(await cache.delete(span('a')), false);
      assert.deepEqual(await cache.list('', 10), { entries: [], nextCursor: '' });
    });
  });
}
