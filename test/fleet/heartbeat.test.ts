import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { parseHeartbeat, heartbeatBytes } from '../../src/fleet/heartbeat-value.ts';
import { differencesOf, type HostFacts } from '../../src/fleet/host-facts.ts';
import { sealsOf } from '../../src/fleet/sealing.ts';
import { marks, TestFleet } from './heartbeat-fleet.ts';

const facts: HostFacts = {
  version: '1.0.0',
  node: '20.20.0',
  keySet: 'tlsmgr',
  ticketKeys: 'shared',
  caches: ['smtp', 'smtpd'],
  lifetimes: { smtp: 3600, smtpd: 3600 },
  ticketCipher: 'aes-256-cbc',
  smtpdServices: ['smtp', 'submission'],
  authorities: 'aaaa',
  openssl: '3.0.17',
};

const names = (hosts: readonly { host: string; away: boolean }[]): string[] =>
  hosts.map(({ host, away }) => (away ? `${host} away` : host));

describe('heartbeats', () => {
  test('tell hosts of each other, of who is away after 90 s, and of nobody after an hour', async () => {
    const fleet = new TestFleet();
    const one = fleet.host('mx1', facts);
    const two = fleet.host('mx2', { ...facts, version: '1.1.0' });
    await fleet.pass(60);
    assert.deepEqual(one.heartbeats.report(), {
      hosts: [
        {
          host: 'mx2',
          keySet: 'tlsmgr',
          version: '1.1.0',
          secondsAgo: 59,
          away: false,
          differs: [],
        },
      ],
      hostCounts: { seen: 1, away: 0, differing: 0 },
      clockDifferenceMs: 500,
      warnings: [],
    });
    assert.deepEqual(names(two.heartbeats.hosts()), ['mx1']);
    assert.ok(fleet.store.expiresAtMs > fleet.clock.ms + 3_600_000);
    two.heartbeats.stop();
    await fleet.pass(120);
    assert.deepEqual(names(one.heartbeats.hosts()), ['mx2 away']);
    assert.deepEqual(one.heartbeats.report().hostCounts, { seen: 1, away: 1, differing: 0 });
    assert.equal(fleet.store.hash.size, 2);
    await fleet.pass(3600);
    assert.deepEqual(one.heartbeats.hosts(), []);
    assert.equal(fleet.store.hash.size, 1);
    assert.deepEqual([...one.log, ...two.log], []);
  });

  test('tell each change of what differs once, and each end of it', async () => {
    const fleet = new TestFleet();
    const one = fleet.host('mx1', facts);
    const two = fleet.host('mx2', { ...facts, lifetimes: { smtp: 3600, smtpd: 7200 } });
    await fleet.pass(150);
    const differs = 'smtpd_tls_session_cache_timeout 7200s, here 3600s';
    assert.deepEqual(one.heartbeats.hosts()[0]!.differs, [differs]);
    assert.deepEqual(one.heartbeats.warnings(), [
      { name: 'fleet-differs', text: `mx2 has ${differs}` },
    ]);
    assert.deepEqual(one.log, [`warning: fleet: mx2 has ${differs}`]);
    assert.deepEqual(two.log, [
      'warning: fleet: mx1 has smtpd_tls_session_cache_timeout 3600s, here 7200s',
    ]);
    two.heartbeats.change(facts);
    await fleet.pass(90);
    assert.deepEqual(one.heartbeats.warnings(), []);
    assert.deepEqual(one.log.slice(1), ['info: fleet: mx2 no longer differs from this host']);
    assert.equal(two.log.length, 2);
  });

  test('name a few of many hosts that differ, and count the others', async () => {
    const fleet = new TestFleet();
    const one = fleet.host('mx1', facts);
    for (let number = 10; number < 130; number += 1) {
      fleet.host(`mx${number}`, { ...facts, authorities: 'bbbb' });
    }
    await fleet.pass(40);
    assert.deepEqual(one.heartbeats.report().hostCounts, { seen: 120, away: 0, differing: 120 });
    assert.equal(one.heartbeats.hosts().length, 100);
    assert.equal(one.heartbeats.warnings().length, 11);
    assert.equal(one.log.length, 11);
    assert.equal(one.log.at(-1), 'warning: fleet: 110 more hosts differ from this one');
  });

  test('count one more host as one', async () => {
    const fleet = new TestFleet();
    const one = fleet.host('mx1', facts);
    for (let number = 10; number < 21; number += 1) {
      fleet.host(`mx${number}`, { ...facts, authorities: 'bbbb' });
    }
    await fleet.pass(40);
    assert.equal(one.log.at(-1), 'warning: fleet: 1 more host differs from this one');
  });

  test('compare the clock with the engine, and tell once that it is wrong', async () => {
    const fleet = new TestFleet();
    fleet.store.aheadMs = -74_000;
    const { heartbeats, log } = fleet.host('mx1', facts);
    await fleet.pass(120);
    assert.equal(heartbeats.clockDifferenceMs, 74_500);
    const text = "clock is 75s ahead of the engine's";
    assert.deepEqual(heartbeats.warnings(), [{ name: 'fleet-clock', text }]);
    assert.deepEqual(log, [`warning: fleet: ${text}`]);
    fleet.store.aheadMs = 28_000;
    await fleet.pass(60);
    assert.equal(heartbeats.warnings().length, 1, 'still near the limit');
    fleet.store.aheadMs = 0;
    await fleet.pass(60);
    assert.deepEqual(heartbeats.warnings(), []);
    assert.deepEqual(log.slice(1), ["info: fleet: clock agrees with the engine's again"]);
    fleet.store.aheadMs = 40_000;
    await fleet.pass(60);
    assert.equal(log.at(-1), "warning: fleet: clock is 40s behind the engine's");
  });

  test('show hosts whose clocks are wrong as they are', async () => {
    const fleet = new TestFleet();
    fleet.store.aheadMs = 7_200_000;
    const one = fleet.host('mx1', facts);
    fleet.host('mx2', facts);
    await fleet.pass(60);
    assert.deepEqual(names(one.heartbeats.hosts()), ['mx2']);
    assert.equal(one.heartbeats.hosts()[0]!.secondsAgo, 59);
  });

  test('tell of another host of the same name, and not of a reload', async () => {
    const fleet = new TestFleet();
    const before = fleet.host('mx1', facts);
    await fleet.pass(60);
    const one = fleet.host('mx1', facts);
    await fleet.pass(20);
    before.heartbeats.stop();
    await fleet.pass(120);
    assert.deepEqual([...before.log, ...one.log], []);
    assert.deepEqual(one.heartbeats.hosts(), []);
    const clone = fleet.host('mx1', facts);
    await fleet.pass(120);
    const text = 'another host is named mx1, too: each needs a name of its own (tlsmgr_fleet_host)';
    assert.deepEqual(one.log, [`warning: fleet: ${text}`]);
    assert.deepEqual(one.heartbeats.warnings(), [{ name: 'fleet-differs', text }]);
    clone.heartbeats.stop();
    await fleet.pass(200);
    assert.deepEqual(one.heartbeats.warnings(), []);
    fleet.host('mx1', { ...facts, keySet: 'other' });
    await fleet.pass(120);
    assert.deepEqual(one.heartbeats.warnings(), [], 'another service of one host');
  });

  test('tell of hosts with another secret, and remove what nobody opens any more', async () => {
    const fleet = new TestFleet();
    const one = fleet.host('mx1', facts);
    fleet.store.hash.set('left', marks('old').sealHeartbeat('left', 1, Buffer.from('x')));
    await fleet.pass(120);
    assert.deepEqual(one.log, []);
    const stranger = fleet.host('mx2', facts, marks('another'));
    await fleet.pass(120);
    const text =
      "1 other host, whose name can't be read here, has another secret: give all hosts the same tlsmgr_fleet_secret_file, then postfix reload there";
    assert.deepEqual(one.log, [`warning: fleet: ${text}`]);
    assert.deepEqual(one.heartbeats.warnings(), [{ name: 'fleet-differs', text }]);
    stranger.heartbeats.stop();
    await fleet.pass(200);
    assert.deepEqual(one.heartbeats.warnings(), []);
    await fleet.pass(3700);
    assert.deepEqual([...fleet.store.hash.keys()], ['one(tlsmgr mx1)']);
  });

  test('see a host once while secrets are replaced, and call that no fault', async () => {
    const fleet = new TestFleet();
    const one = fleet.host('mx1', facts, marks('one', 'two'));
    fleet.host('ant', facts, marks('one', 'two'));
    const before = fleet.host('mx2', facts, marks('one', 'two'));
    await fleet.pass(40);
    before.heartbeats.stop();
    fleet.host('mx2', facts, marks('two', 'one'));
    await fleet.pass(60);
    assert.deepEqual(names(one.heartbeats.hosts()), ['mx2', 'ant'], 'who differs comes first');
    assert.deepEqual(one.heartbeats.hosts()[0]!.differs, [
      'another first secret in tlsmgr_fleet_secret_file than this host',
    ]);
    assert.deepEqual([one.heartbeats.warnings(), one.log], [[], []]);
    assert.equal(fleet.store.hash.size, 4);
  });

  test('rest while the engine is away, and outlast one that was emptied', async () => {
    const fleet = new TestFleet();
    const one = fleet.host('mx1', facts);
    fleet.host('mx2', facts);
    await fleet.pass(60);
    one.engine.become('away');
    const { put } = fleet.store.calls;
    await fleet.pass(5);
    assert.equal(fleet.store.calls.put, put + 1, 'only the other host');
    assert.equal(fleet.timers.armed, 1);
    fleet.store.hash.clear();
    one.engine.become('up');
    await fleet.pass(3);
    assert.deepEqual(names(one.heartbeats.hosts()), ['mx2']);
    one.heartbeats.stop();
    one.engine.become('away');
    one.engine.become('up');
    await fleet.pass(3);
    assert.equal(fleet.timers.armed, 1);
    assert.deepEqual(one.log, []);
  });

  test('read more rarely where there are many hosts', async () => {
    const fleet = new TestFleet();
    const { heartbeats } = fleet.host('mx1', facts);
    const value = (host: string): Buffer =>
      heartbeatBytes({ host, process: 'p', atMs: fleet.clock.ms + 3_000_000, facts });
    for (let number = 0; number < 5000; number += 1) {
      const field = `f${number}`;
      fleet.store.hash.set(
        field,
        marks('one').sealHeartbeat(field, Number.MAX_SAFE_INTEGER, value(`h${number}`)),
      );
    }
    await fleet.pass(1800);
    assert.equal(fleet.store.calls.fields, 1);
    assert.equal(heartbeats.report().hostCounts.seen, 4096);
    assert.ok(fleet.store.calls.put > 50, 'they go on telling of themselves');
  });

  test('are sealed: with the real seals hosts see each other, and the engine sees no name', async () => {
    const fleet = new TestFleet();
    const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const one = fleet.host('mx1', facts, sealsOf([Buffer.from(first)]));
    const two = fleet.host('mx2', facts, sealsOf([Buffer.from(second), Buffer.from(first)]));
    await fleet.pass(40);
    assert.deepEqual(names(two.heartbeats.hosts()), ['mx1']);
    assert.deepEqual(one.heartbeats.hosts(), [], 'it has no second secret');
    two.heartbeats.stop();
    fleet.host('mx2', facts, sealsOf([Buffer.from(first)]));
    await fleet.pass(40);
    assert.deepEqual(names(one.heartbeats.hosts()), ['mx2']);
    for (const [field, value] of fleet.store.hash) {
      assert.doesNotMatch(`${field}${value.toString('latin1')}`, /"host"|version|tlsmgr|3\.0\.17/u);
    }
  });
});

describe('false heartbeats', () => {
  test('of thousands of hosts are opened a few in a turn of the event loop, and no more after the end', async () => {
    const fleet = new TestFleet();
    const some = marks('one');
    const put = (count: number): void => {
      for (let n = 0; n < count; n += 1) {
        const field = some.heartbeatField(`tlsmgr mx${n}`);
        const value = { host: `mx${n}`, process: `${n}`, atMs: fleet.clock.ms, facts };
        const sealed = some.sealHeartbeat(field, fleet.clock.ms + 1e9, heartbeatBytes(value));
        fleet.store.hash.set(field, sealed);
      }
    };
    let inTurn = 0;
    let mostInTurn = 0;
    const counts = { opened: 0 };
    let turns = 0;
    const seals: typeof some = {
      ...some,
      openHeartbeat: (...words) => {
        counts.opened += 1;
        inTurn += 1;
        mostInTurn = Math.max(mostInTurn, inTurn);
        return some.openHeartbeat(...words);
      },
    };
    const turn = (): void => {
      turns += 1;
      inTurn = 0;
      if (turns < 1000) {
        setImmediate(turn);
      }
    };
    put(3000);
    const watcher = fleet.host('me', facts, seals);
    turn();
    await fleet.pass(200);
    assert.equal(watcher.heartbeats.report().hostCounts.seen, 3000);
    assert.equal(counts.opened, 3000);
    assert.ok(mostInTurn <= 64, `${mostInTurn} in a turn`);
    watcher.heartbeats.stop();

    counts.opened = 0;
    const stopped = fleet.host('him', facts, seals);
    while (counts.opened === 0) {
      await fleet.pass(1);
    }
    stopped.heartbeats.stop();
    const before = counts.opened;
    await fleet.pass(200);
    assert.equal(counts.opened, before);
    assert.ok(before < 3000);
    assert.deepEqual([...watcher.log, ...stopped.log], []);
  });

  test('that only look like ours are decrypted 64 times in a reading, and hosts that are known stay', async () => {
    const fleet = new TestFleet();
    const secret = Buffer.alloc(32, 1);
    const seals = sealsOf([Buffer.from(secret)]);
    const one = fleet.host('mx1', facts, seals);
    fleet.host('mx2', facts, sealsOf([Buffer.from(secret)]));
    await fleet.pass(40);
    assert.deepEqual(names(one.heartbeats.hosts()), ['mx2']);
    const others = [...fleet.store.hash];
    fleet.store.hash.clear();
    for (let number = 0; number < 4000; number += 1) {
      fleet.store.hash.set(`f${number}`, seals.sealHeartbeat('x', fleet.clock.ms + 60_000, secret));
    }
    for (const [field, value] of others) {
      fleet.store.hash.set(field, value);
    }
    const { fields } = fleet.store.calls;
    const { forged } = seals;
    while (fleet.store.calls.fields < fields + 2) {
      await fleet.pass(1);
    }
    assert.ok(seals.forged - forged <= 64, `${seals.forged - forged}`);
    assert.ok(seals.forged > forged);
    assert.deepEqual(names(one.heartbeats.hosts()), ['mx2']);
  });
});

describe('advice about an engine', () => {
  test('is given once for what it writes to disk, and taken back', async () => {
    const fleet = new TestFleet();
    fleet.store.persistence = 'rdb_last_bgsave_time_sec:-1\r\nrdb_saves:3\r\naof_enabled:1\r\n';
    fleet.store.memory = 'maxmemory:1000000\r\nmaxmemory_policy:allkeys-lru\r\n';
    const { heartbeats, log, engine } = fleet.host('mx1', facts);
    await fleet.pass(300);
    assert.equal(fleet.store.calls.info, 2, 'it is asked once an hour');
    const told = heartbeats.warnings();
    assert.deepEqual(
      told.map(({ name, text }) => [name, /^engine engine:6379 \w+ \w+ \w+/u.exec(text)?.[0]]),
      [
        ['engine-settings', 'engine engine:6379 writes its data'],
        ['engine-settings', 'engine engine:6379 writes each change'],
        ['engine-settings', 'engine engine:6379 may remove ticket'],
      ],
    );
    assert.deepEqual(
      log,
      told.map(({ text }) => `warning: fleet: ${text}`),
    );
    fleet.store.persistence = 'rdb_last_bgsave_time_sec:-1\r\nrdb_saves:0\r\naof_enabled:0\r\n';
    fleet.store.memory = 'maxmemory:1000000\r\nmaxmemory_policy:volatile-ttl\r\n';
    engine.become('away');
    engine.become('up');
    await fleet.pass(5);
    assert.deepEqual(heartbeats.warnings(), []);
    assert.equal(log.length, 3);
  });

  test('takes no policy that is long, or has what a terminal would obey', async () => {
    for (const policy of ['x'.repeat(1_000_000), 'a\u001b[31m', 'a b']) {
      const fleet = new TestFleet();
      fleet.store.persistence = '';
      fleet.store.memory = `maxmemory:1\r\nmaxmemory_policy:${policy}\r\n`;
      const { heartbeats, log } = fleet.host('mx1', facts);
      await fleet.pass(10);
      assert.deepEqual([heartbeats.warnings(), log], [[], []]);
    }
  });

  test('leaves an engine in peace that has what is advised, or tells nothing', async () => {
    const fleet = new TestFleet();
    const { heartbeats } = fleet.host('mx1', facts);
    await fleet.pass(10);
    assert.deepEqual(heartbeats.warnings(), []);
    fleet.store.persistence = '';
    fleet.store.memory = 'maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n';
    const second = fleet.host('mx2', facts);
    await fleet.pass(10);
    assert.deepEqual(second.heartbeats.warnings(), []);
  });
});

describe('what differs between two hosts', () => {
  const cases: [string, HostFacts, string[]][] = [
    ['nothing', facts, []],
    ['versions of tlsmgr and Node.js', { ...facts, version: '9', node: '24' }, []],
    [
      'keys of another kind',
      { ...facts, ticketKeys: 'derived' },
      ['tlsmgr_ticket_keys derived, here shared'],
    ],
    [
      'keys of another set, and what only keys depend on',
      { ...facts, keySet: 'mx', ticketKeys: 'derived', ticketCipher: 'aes-128-cbc' },
      [],
    ],
    [
      'the cipher of tickets',
      { ...facts, ticketCipher: 'aes-128-cbc' },
      ['tls_session_ticket_cipher aes-128-cbc, here aes-256-cbc'],
    ],
    [
      'caches',
      { ...facts, caches: ['smtp'], lifetimes: { smtp: 60, smtpd: 3600 } },
      [
        'tlsmgr_fleet_caches smtp, here smtp, smtpd',
        'smtp_tls_session_cache_timeout 60s, here 3600s',
      ],
    ],
    [
      'names of services',
      { ...facts, smtpdServices: ['10.0.0.2:25', 'submission'] },
      ['smtpd services 10.0.0.2:25, here smtp'],
    ],
    ['a service that only one has', { ...facts, smtpdServices: ['smtp'] }, []],
    [
      'authorities and OpenSSL',
      { ...facts, authorities: 'b', openssl: '3.0.18' },
      [
        'OpenSSL 3.0.18, here 3.0.17',
        'other certificates in smtp_tls_CAfile or smtp_tls_CApath than this host',
      ],
    ],
    [
      'the same, of hosts that share no sessions',
      { ...facts, caches: [], authorities: 'b', openssl: '3.0.18' },
      ['tlsmgr_fleet_caches none, here smtp, smtpd'],
    ],
    ['what one does not tell', { version: '1.0.0' }, []],
  ];
  for (const [what, there, texts] of cases) {
    test(what, () => {
      assert.deepEqual(
        differencesOf(there, facts).map(({ text }) => text),
        texts,
      );
    });
  }

  test('is a fault, but for the order of secrets', () => {
    const found = differencesOf(
      { ...facts, firstSecret: 'a', openssl: '1' },
      { ...facts, firstSecret: 'b' },
    );
    assert.deepEqual(
      found.map(({ isFault }) => isFault),
      [true, false],
    );
  });
});

describe('the value of a heartbeat', () => {
  const whole = { host: 'mx1', process: 'p', atMs: 1_800_000_000_000, facts };

  test('reads as it was written', () => {
    assert.deepEqual(parseHeartbeat(heartbeatBytes(whole)), whole);
  });

  test('that lacks a fact, or has a strange one, is read without it', () => {
    for (const name of Object.keys(facts).filter((one) => one !== 'version')) {
      for (const value of [undefined, null, 7, [7], ['ü'], 'ü', 'x'.repeat(129), { ü: 1 }]) {
        const bytes = Buffer.from(JSON.stringify({ ...whole, ...facts, [name]: value }));
        const others = Object.fromEntries(Object.entries(facts).filter(([one]) => one !== name));
        const read = parseHeartbeat(bytes);
        assert.deepEqual(read?.facts, others, `${name}: ${JSON.stringify(value)}`);
      }
    }
  });

  test('that lacks host, process, time or version is none', () => {
    for (const name of ['host', 'process', 'atMs', 'version']) {
      for (const value of [undefined, null, {}, 'a\nb', 'x'.repeat(300)]) {
        const bytes = Buffer.from(JSON.stringify({ ...whole, ...facts, [name]: value }));
        assert.equal(parseHeartbeat(bytes), undefined, `${name}: ${JSON.stringify(value)}`);
      }
    }
    for (const text of ['', 'null', '[]', '"x"', '{', ' '.repeat(40_000)]) {
      assert.equal(parseHeartbeat(Buffer.from(text)), undefined);
    }
  });

  test('whatever it is, is read within its bounds or not at all', () => {
    const member = fc.oneof(
      fc.constantFrom(...Object.values({ ...whole, ...facts })),
      fc.jsonValue(),
      fc.string({ maxLength: 300 }),
      fc.dictionary(fc.string(), fc.integer()),
    );
    const members = Object.fromEntries(
      [...Object.keys(whole), ...Object.keys(facts)].map((name) => [
        name,
        fc.option(member, { nil: undefined }),
      ]),
    );
    fc.assert(
      fc.property(fc.record({ ...members, host: fc.constant('mx2') }), (value) => {
        const read = parseHeartbeat(
          Buffer.from(JSON.stringify({ process: 'p', atMs: 1, version: '1', ...value })),
        );
        for (const { text } of read === undefined ? [] : differencesOf(read.facts, facts)) {
          assert.match(text, /^[ -~]+$/u);
        }
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        assert.equal(parseHeartbeat(Buffer.from(bytes)), undefined);
      }),
    );
  });
});
