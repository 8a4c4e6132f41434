/** What hosts of a fleet find of each other's sessions, and what they don't. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineError } from '../../../src/fleet/engine/engine.ts';
import type { ByteSpan } from '../../../src/sessions/session-cache.ts';
import { lateCache } from '../../contracts/late-cache.ts';
import { lookupText, span, TestClock } from '../../contracts/session-cache.ts';
import { fleetHost, type Host, type HostOptions, settled, usualLimits } from './fleet-host.ts';
import { type EngineState, MapServer } from './map-engine.ts';
import { openSeals } from './open-seals.ts';

const { lifetimeSeconds } = usualLimits;

/** The start of a session of TLS 1.3, as OpenSSL writes it. */
const tls13 = Buffer.from('3081860201010202030404021301', 'hex');
const tls12 = Buffer.from('3081860201010202030304021301', 'hex');

type Options = Partial<Omit<HostOptions, 'server'>>;

interface Fleet {
  clock: TestClock;
  server: MapServer;
  a: Host;
  b: Host;
  add: (options?: Options) => Host;
  /** A host stores a session, and it has reached the engine. */
  store: (host: Host, id: string, session: string | Buffer) => Promise<void>;
}

function fleet(options: Options = {}): Fleet {
  const clock = new TestClock();
  const server = new MapServer(clock);
  const add = (more: Options = {}): Host => fleetHost({ server, clock, ...options, ...more });
  return {
    clock,
    server,
    a: add(),
    b: add(),
    add,
    async store(host, id, session) {
      await host.cache.update(span(id), span(session));
      await settled(host);
    },
  };
}

/** How often a host's engine was asked. */
function asked({ engine }: Host, command: string): number {
  return engine.done.filter((name) => name === command).length;
}

describe('a look-up', () => {
  test('that hits here returns what the local cache returns, and asks nobody', async () => {
    const { a, store } = fleet();
    await store(a, 'id', 'session');
    const found = a.cache.lookup(span('id'));
    assert.ok(!(found instanceof Promise));
    assert.equal(found, a.local.lookup(span('id')));
    assert.equal(asked(a, 'get'), 0);
  });

  test('finds what another host has stored, and the next one finds it near', async () => {
    const { a, b, clock, store } = fleet();
    const storedAt = clock.wallSeconds;
    await store(a, 'id', 'session');
    clock.pass(20);
    const first = b.cache.lookup(span('id'));
    assert.ok(first instanceof Promise);
    const found = await first;
    assert.equal(found!.buffer.toString('latin1', found!.start, found!.end), 'session');
    assert.equal(b.cache.storedAtSeconds(found!), storedAt);
    // It belongs to whoever asked.
    found!.buffer.fill(0, found!.start, found!.end);
    const again = b.cache.lookup(span('id')) as ByteSpan;
    assert.equal(again.buffer.toString('latin1', again.start, again.end), 'session');
    assert.equal(b.cache.storedAtSeconds(again), storedAt);
    assert.equal(asked(b, 'get'), 1);
    const { engineHits, engineMisses, nearHits } = b.cache.report();
    assert.deepEqual(
      { engineHits, engineMisses, nearHits },
      {
        engineHits: 1,
        engineMisses: 0,
        nearHits: 1,
      },
    );
  });

  test('finds what waits to be written', async () => {
    const { a } = fleet({ limits: { entryLimit: 1 } });
    a.engine.become({ writes: 'paused' });
    await a.cache.update(span('first'), span('one'));
    await a.cache.update(span('second'), span('two'));
    assert.equal(a.local.lookup(span('first')), undefined, 'evicted');
    assert.equal(await lookupText(a.cache, 'first'), 'one');
    assert.equal(a.cache.report().nearHits, 1);
    assert.equal(asked(a, 'get'), 0);
  });

  test('keeps the caches of one host apart', async () => {
    const { a, add, store } = fleet();
    await store(a, 'id', 'session');
    assert.equal(await lookupText(add({ label: 'smtpd' }).cache, 'id'), null);
  });

  const unable: Partial<EngineState>[] = [
    { connection: 'opening' },
    { connection: 'away' },
    { connection: 'closed' },
    { reads: 'paused' },
  ];
  for (const state of unable) {
    test(`is a miss at once: ${JSON.stringify(state)}`, async () => {
      const { a, b, store } = fleet();
      await store(a, 'id', 'session');
      b.engine.become(state);
      assert.equal(b.cache.lookup(span('id')), undefined);
      assert.equal(b.cache.report().notAsked, 1);
      b.engine.become({ connection: 'up', reads: 'open' });
      assert.equal(await lookupText(b.cache, 'id'), 'session');
    });
  }

  test('is a miss when the engine answers late, or not at all', async () => {
    const { a, b, store } = fleet();
    await store(a, 'id', 'session');
    b.engine.travel = () => Promise.reject(new EngineError('late'));
    assert.equal(await lookupText(b.cache, 'id'), null);
    assert.equal(b.cache.report().notAsked, 1);
  });

  test('fails when something fails that no engine does', async () => {
    const { b } = fleet();
    b.engine.travel = () => Promise.reject(new TypeError('a mistake'));
    await assert.rejects(async () => b.cache.lookup(span('id')), /a mistake/u);
  });

  test('is a miss when the value is of another secret, with one line a minute', async () => {
    const { a, b, clock, server, store } = fleet();
    await store(a, 'id', 'session');
    for (const entry of server.values.values()) {
      entry.value = Buffer.from(
        entry.value.toString().replace('"secret":"secret"', '"secret":"x"'),
      );
    }
    for (let time = 0; time < 5; time += 1) {
      assert.equal(await lookupText(b.cache, 'id'), null);
    }
    clock.pass(60);
    assert.equal(await lookupText(b.cache, 'id'), null);
    assert.equal(b.cache.report().notOpened, 6);
    assert.deepEqual(b.log.lines, [
      'warning: fleet: value not opened (other secret, or damaged): 1',
      'warning: fleet: value not opened (other secret, or damaged): 5',
    ]);
  });

  test('is a plain miss when the value has expired by a clock that is ahead', async () => {
    const { a, add, clock, store } = fleet();
    await store(a, 'id', 'session');
    const ahead = new TestClock();
    ahead.setWall(clock.wallSeconds + lifetimeSeconds + 1);
    const b = add({ clock: ahead });
    assert.equal(await lookupText(b.cache, 'id'), null);
    const { engineMisses, notOpened } = b.cache.report();
    assert.deepEqual([engineMisses, notOpened, b.log.lines], [1, 0, []]);
  });

  test('finds sessions of either secret while it is replaced', async () => {
    const { add, store } = fleet();
    const a = add({ seals: openSeals(['old', 'new']) });
    const b = add({ seals: openSeals(['new', 'old']) });
    await store(a, 'of a', 'one');
    await store(b, 'of b', 'two');
    assert.equal(await lookupText(b.cache, 'of a'), 'one');
    assert.equal(await lookupText(a.cache, 'of b'), 'two');
  });

  test('finds nothing that has expired, by either clock, wherever it is', async () => {
    for (const expire of [
      (clock: TestClock) => clock.pass(lifetimeSeconds + 1),
      (clock: TestClock) => clock.setWall(clock.wallSeconds + lifetimeSeconds + 1),
    ]) {
      const { a, b, add, clock, store } = fleet();
      await store(a, 'id', 'session');
      assert.equal(await lookupText(b.cache, 'id'), 'session');
      clock.pass(lifetimeSeconds - 1);
      assert.equal(await lookupText(b.cache, 'id'), 'session');
      expire(clock);
      assert.equal(await lookupText(b.cache, 'id'), null);
      assert.equal(await lookupText(add().cache, 'id'), null);
      assert.equal(b.cache.report().nearEntries, 0);
    }
  });

  test('takes a session of a host whose clock is ahead for its lifetime at most', async () => {
    const { b, clock, server } = fleet();
    const ahead = new TestClock();
    ahead.pass(100);
    const a = fleetHost({ server, clock: ahead });
    await a.cache.update(span('id'), span('session'));
    await settled(a);
    const now = clock.wallSeconds;
    const found = await b.cache.lookup(span('id'));
    assert.equal(b.cache.storedAtSeconds(found!), now);
    clock.pass(lifetimeSeconds);
    assert.equal(b.cache.report().nearEntries, 1);
    b.engine.become({ connection: 'away' });
    assert.equal(await lookupText(b.cache, 'id'), null);
  });

  test('is not answered with what was deleted or replaced while the engine was asked', async () => {
    const { a, b, store } = fleet();
    await store(a, 'id', 'old');
    const [first, second] = [b.cache.lookup(span('id')), b.cache.lookup(span('id'))];
    assert.equal(b.cache.delete(span('id')), false);
    assert.deepEqual(await Promise.all([first, second]), [undefined, undefined]);
    assert.equal(b.cache.report().nearEntries, 0);
    await settled(a, b);
    await store(a, 'other', 'old');
    const third = b.cache.lookup(span('other'));
    await b.cache.update(span('other'), span('new'));
    await third;
    assert.equal(b.cache.report().nearEntries, 0, 'the old one is not kept behind the new one');
    assert.equal(await lookupText(b.cache, 'other'), 'new');
  });

  test('asks for nobody else once it is closed', async () => {
    const { a, b, store } = fleet();
    await store(a, 'id', 'session');
    const underWay = b.cache.lookup(span('id'));
    b.cache.closeNow();
    assert.equal(await underWay, undefined);
    assert.equal(b.cache.lookup(span('id')), undefined);
    assert.equal(b.cache.report().nearEntries, 0);
  });

  test('goes on to the fleet when a local cache that answers later has nothing', async () => {
    const { a, add, store } = fleet();
    await store(a, 'id', 'session');
    const b = add({ around: (local) => lateCache(local) });
    const asking = span('id');
    const later = b.cache.lookup(asking);
    asking.buffer.fill(0);
    const found = await later;
    assert.equal(found!.buffer.toString('latin1', found!.start, found!.end), 'session');
    const near = await b.cache.lookup(span('id'));
    near!.buffer.fill(0);
    assert.equal(await lookupText(b.cache, 'id'), 'session', 'what was promised was a copy');
    await b.cache.update(span('own'), span('mine'));
    const own = await b.cache.lookup(span('own'));
    assert.equal(typeof b.cache.storedAtSeconds(own!), 'number');
    assert.equal(await b.cache.delete(span('own')), true);
  });
});

describe('an update', () => {
  test('is answered before the engine hears of it', async () => {
    const { a, b } = fleet();
    assert.equal(a.cache.update(span('id'), span('session')), undefined);
    assert.equal(a.engine.underWay, 0);
    assert.equal(a.cache.report().queueEntries, 1);
    await settled(a);
    assert.equal(a.cache.report().written, 1);
    assert.equal(await lookupText(b.cache, 'id'), 'session');
  });

  test('is written when the engine is back, the newest of each id', async () => {
    const { a, b } = fleet();
    a.engine.become({ connection: 'away' });
    await a.cache.update(span('id'), span('one'));
    await a.cache.update(span('id'), span('two'));
    assert.equal(a.cache.report().queueEntries, 1);
    a.engine.become({ connection: 'up' });
    await settled(a);
    assert.equal(asked(a, 'set'), 1);
    assert.equal(await lookupText(b.cache, 'id'), 'two');
  });

  test('that waited is written with what is left of its life, whatever the wall clock does', async () => {
    const { a, server, clock } = fleet();
    a.engine.become({ writes: 'paused' });
    await a.cache.update(span('id'), span('session'));
    clock.pass(50);
    clock.setWall(clock.wallSeconds + 1000);
    a.engine.become({ writes: 'open' });
    await settled(a);
    const [{ expiresAtMs } = { expiresAtMs: 0 }] = server.values.values();
    assert.equal(expiresAtMs, (clock.wallSeconds + lifetimeSeconds - 50) * 1000);
  });

  test('that has waited for its lifetime is dropped', async () => {
    const { a, clock } = fleet();
    a.engine.become({ writes: 'paused' });
    await a.cache.update(span('id'), span('session'));
    clock.pass(lifetimeSeconds);
    a.engine.become({ writes: 'open' });
    await settled(a);
    assert.equal(asked(a, 'set'), 0);
    assert.equal(a.cache.report().dropped, 1);
  });

  test('is not written again while the copy has more than half of its life', async () => {
    const { a, b, clock, store } = fleet();
    await store(a, 'id', 'one');
    clock.pass(lifetimeSeconds / 2 - 1);
    await store(a, 'id', 'two');
    assert.equal(asked(a, 'set'), 1);
    assert.equal(a.cache.report().fresh, 1);
    assert.equal(await lookupText(a.cache, 'id'), 'two', 'its own is newer');
    assert.equal(await lookupText(b.cache, 'id'), 'one');
    clock.pass(2);
    await store(a, 'id', 'three');
    assert.equal(asked(a, 'set'), 2);
  });

  test('is not written while the copy of another host is young', async () => {
    const { a, b, clock, store } = fleet();
    await store(a, 'id', 'one');
    assert.equal(await lookupText(b.cache, 'id'), 'one');
    await store(b, 'id', 'two');
    assert.equal(asked(b, 'set'), 0);
    assert.equal(await lookupText(b.cache, 'id'), 'two');
    clock.pass(lifetimeSeconds / 2 + 1);
    await store(b, 'id', 'three');
    assert.equal(asked(b, 'set'), 1);
  });

  const losses: Record<string, (fleet: Fleet) => Promise<void> | void> = {
    'after it was deleted': async ({ a }) => {
      await a.cache.delete(span('id'));
      await settled(a);
    },
    'after the engine came back': ({ a }) => {
      a.engine.become({ connection: 'away' });
      a.engine.become({ connection: 'up' });
    },
    'after the engine had lost it': async ({ a, server }) => {
      server.values.clear();
      a.local.delete(span('id'));
      assert.equal(await lookupText(a.cache, 'id'), null);
    },
  };
  for (const [name, lose] of Object.entries(losses)) {
    test(`is written again ${name}`, async () => {
      const all = fleet();
      await all.store(all.a, 'id', 'one');
      await lose(all);
      await all.store(all.a, 'id', 'two');
      assert.equal(asked(all.a, 'set'), 2);
      assert.equal(await lookupText(all.b.cache, 'id'), 'two');
    });
  }

  test('that the engine refuses is dropped, and the next one is written', async () => {
    const { a, b, store } = fleet();
    const { travel } = a.engine;
    a.engine.travel = () => Promise.reject(new EngineError('OOM'));
    await store(a, 'id', 'one');
    assert.equal(a.cache.report().dropped, 1);
    a.engine.travel = travel;
    await store(a, 'id', 'two');
    assert.equal(await lookupText(b.cache, 'id'), 'two');
    assert.deepEqual(a.log.lines, [], 'the engine tells');
  });

  test('that fails as no engine does is told once a minute', async () => {
    const { a, store } = fleet();
    a.engine.travel = () => Promise.reject(new TypeError('a mistake'));
    await store(a, 'id', 'one');
    await store(a, 'id', 'one');
    assert.deepEqual(a.log.lines, ['warning: fleet: sessions not written: 1: a mistake']);
  });

  test('of an id with a loopback address stays here, and nobody is asked', async () => {
    const { a, store } = fleet();
    const id = 'relay&[127.0.0.1]:10025&127.0.0.1&127.0.0.1&&00ff';
    await store(a, id, 'session');
    assert.equal(await lookupText(a.cache, id), 'session');
    assert.equal(await a.cache.delete(span(id)), true);
    assert.equal(a.cache.lookup(span(id)), undefined);
    await settled(a);
    assert.deepEqual(a.engine.done, []);
    const { notShared, notAsked, engineMisses } = a.cache.report();
    assert.deepEqual(
      { notShared, notAsked, engineMisses },
      {
        notShared: 1,
        notAsked: 0,
        engineMisses: 0,
      },
    );
  });

  test("of smtpd's TLS 1.3 stays here, unless it is looked up", async () => {
    const { add, store } = fleet({ label: 'smtpd' });
    const a = add();
    await store(a, 'id', tls13);
    assert.deepEqual(a.engine.done, []);
    assert.equal(a.cache.report().notShared, 1);
    await store(a, 'id', tls12);
    assert.deepEqual(a.engine.done, ['set']);
    const b = add({ sharesTls13: true });
    await store(b, 'another', tls13);
    assert.deepEqual(b.engine.done, ['set']);
    const client = add({ label: 'smtp' });
    await store(client, 'id', tls13);
    assert.deepEqual(client.engine.done, ['set']);
  });
});

describe('a delete', () => {
  test('removes everywhere, under all secrets', async () => {
    const { add, server, store } = fleet();
    const a = add({ seals: openSeals(['new', 'old']) });
    const b = add({ seals: openSeals(['old', 'new']) });
    await store(a, 'id', 'one');
    await store(b, 'id', 'two');
    assert.equal(server.values.size, 2);
    assert.equal(a.cache.delete(span('id')), true);
    await settled(a);
    assert.equal(server.values.size, 0);
    assert.equal(await lookupText(a.cache, 'id'), null);
  });

  test('says whether this host had it: in its cache, near, or waiting', async () => {
    const { a, b, add, store } = fleet();
    await store(a, 'id', 'session');
    assert.equal(b.cache.delete(span('id')), false, 'only the engine had it');
    await settled(b);
    const c = add();
    await store(a, 'near', 'session');
    assert.equal(await lookupText(c.cache, 'near'), 'session');
    assert.equal(c.cache.delete(span('near')), true);
    assert.equal(c.cache.delete(span('near')), false);
    c.engine.become({ writes: 'paused' });
    await c.cache.update(span('waiting'), span('session'));
    c.local.delete(span('waiting'));
    assert.equal(c.cache.delete(span('waiting')), true);
  });

  test('counts at once, and reaches an engine that is away when it is back', async () => {
    const { a, b, server, store } = fleet();
    await store(a, 'id', 'session');
    b.engine.become({ writes: 'paused' });
    assert.equal(b.cache.delete(span('id')), false);
    assert.equal(b.cache.lookup(span('id')), undefined, 'though the engine has it still');
    b.engine.become({ writes: 'open' });
    await settled(b);
    assert.equal(server.values.size, 0);
  });
});

describe('a flush', () => {
  test('is of this host only', async () => {
    const { a, b, store } = fleet();
    await store(a, 'id', 'session');
    assert.equal(await lookupText(b.cache, 'id'), 'session');
    b.engine.become({ writes: 'paused' });
    await b.cache.update(span('own'), span('mine'));
    assert.equal(await b.cache.flush(), 1);
    const { nearEntries, nearBytes, queueEntries, queueBytes } = b.cache.report();
    assert.deepEqual([nearEntries, nearBytes, queueEntries, queueBytes], [0, 0, 0, 0]);
    assert.equal(await lookupText(b.cache, 'id'), 'session', 'in the engine still');
  });

  test('leaves deletes that wait for the engine', async () => {
    const { a, b, server, store } = fleet();
    await store(a, 'id', 'session');
    b.engine.become({ connection: 'away' });
    await b.cache.delete(span('id'));
    await b.cache.flush();
    b.engine.become({ connection: 'up' });
    await settled(b);
    assert.equal(server.values.size, 0);
  });
});

describe('a shared cache', () => {
  test('tells the statistics of the local one, and its own counts apart', async () => {
    const { a, store } = fleet();
    await store(a, 'id', 'session');
    assert.deepEqual(a.cache.statistics(), a.local.statistics());
    assert.equal(a.cache.report().written, 1);
    assert.deepEqual(a.sharing.reports(), { smtp: a.cache.report() });
  });

  test('goes on counting when it is opened again', async () => {
    const { a, clock, store } = fleet();
    await store(a, 'id', 'session');
    a.cache.closeNow();
    const local = fleetHost({ server: new MapServer(clock), clock }).local;
    const again = a.sharing.share('smtp', local, usualLimits);
    await again.update(span('id 2'), span('session'));
    await settled(a);
    assert.equal(a.sharing.reports()['smtp']!.written, 2);
  });

  test('is not there for a cache that main.cf does not name', () => {
    const { a } = fleet();
    assert.equal(a.sharing.share('lmtp', a.local, usualLimits), a.local);
  });

  test('forgets what would live too long when the lifetime becomes shorter', async () => {
    const { a, b, clock, store } = fleet();
    await store(a, 'id', 'session');
    assert.equal(await lookupText(b.cache, 'id'), 'session');
    b.cache.change({ ...usualLimits, lifetimeSeconds: lifetimeSeconds * 2 });
    assert.equal(b.cache.report().nearEntries, 1);
    b.cache.change({ ...usualLimits, lifetimeSeconds: 30 });
    assert.equal(b.cache.report().nearEntries, 0);
    clock.pass(31);
    await store(b, 'own', 'session');
    clock.pass(31);
    assert.equal(await lookupText(b.cache, 'own'), null);
  });
});
