/** What check finds in the set-up of a fleet. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { askedFindings } from '../../src/cli/check/fleet-engine.ts';
import { fleetServiceFindings } from '../../src/cli/check/fleet-services.ts';
import { problemFindings } from '../../src/cli/check/problems.ts';
import type { Finding } from '../../src/cli/findings/finding.ts';
import { pingRemedy, redisCli } from '../../src/cli/findings/redis-cli.ts';
import { parseLine } from '../../src/cli/postfix/master-line.ts';
import type { Config } from '../../src/config/config.ts';
import { EngineError } from '../../src/fleet/engine/engine.ts';
import { noCDaemon } from '../config/c-daemon.ts';
import { Store, StoreEngine } from '../fleet/heartbeat-fleet.ts';
import { TestClock } from '../log/scratch.ts';
import { CheckSetUp, nobody } from './check-set-up.ts';
import { requirePasteable } from './pasteable.ts';
import { sampleFleet } from './sample-fleet.ts';
import { sampleReport } from './sample-report.ts';

const kinds = (found: readonly Finding[]): string[] =>
  found.map(({ severity, name }) => `${severity} ${name}`);

describe('the set-up of a fleet', { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;
  before(() => {
    setUp = new CheckSetUp();
  });
  after(() => setUp.remove());

  const derived = {
    tlsmgr_ticket_keys: 'derived',
    tlsmgr_fleet_secret_file: '$config_directory/secret',
  };

  /** As an administrator pastes it; Postfix doesn't run. */
  const paste = (remedy: string): void => {
    const commands = remedy.replace(/ && postfix .*$/u, '').replaceAll('DIR', setUp.directory);
    execFileSync('bash', ['-ec', commands], { stdio: 'ignore' });
  };

  test('a secret that is not there, open, of somebody else, or no secret', async () => {
    const path = setUp.path('secret');
    const missing = await setUp.findings(derived);
    assert.deepEqual(kinds(missing), ['error fleet-secret-unusable']);
    assert.match(missing[0]!.text, /^tlsmgr_fleet_secret_file = DIR\/secret: No such file/u);
    assert.match(
      missing[0]!.remedy,
      /^scp -p OTHERHOST:DIR\/secret DIR\/secret && postfix reload {2}# .*on the very first host, in the place of scp: tlsmgr fleet-secret DIR\/secret$/u,
    );
    writeFileSync(path, `${'ab'.repeat(32)}\n`, { mode: 0o644 });
    chmodSync(path, 0o644);
    const [open, ...more] = await setUp.findings(derived);
    assert.deepEqual([open!.name, more], ['fleet-secret-open', []]);
    paste(open!.remedy);
    assert.deepEqual(await setUp.findings(derived), []);
    chownSync(path, nobody, nobody);
    const [foreign] = await setUp.findings(derived);
    assert.match(foreign!.text, /belongs to user 65534, not to root/u);
    paste(foreign!.remedy);
    assert.deepEqual(await setUp.findings(derived), []);
    writeFileSync(path, 'no secret\n');
    const [malformed] = await setUp.findings(derived);
    assert.equal(malformed!.name, 'fleet-secret-unusable');
    assert.doesNotMatch(malformed!.text, /no secret\n/u);
  });

  test('the file of an engine that is not there; an engine that does not answer', async () => {
    writeFileSync(setUp.path('secret'), `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    const shared = {
      ...derived,
      tlsmgr_ticket_keys: 'shared',
      tlsmgr_fleet_engine: 'redis:$config_directory/engine.cf',
    };
    const missing = await setUp.findings(shared);
    assert.deepEqual(kinds(missing), ['error fleet-engine-unusable']);
    assert.match(missing[0]!.text, /^tlsmgr_fleet_engine = redis:DIR\/engine\.cf: .*No such file/u);
    writeFileSync(setUp.path('engine.cf'), 'servers = 127.0.0.1:1\n', { mode: 0o600 });
    const [away, ...more] = await setUp.findings(shared);
    assert.deepEqual([kinds([away!]), more], [['warning engine-unusable'], []]);
    assert.match(away!.text, /^engine 127\.0\.0\.1:1 can't be reached from here: /u);
    assert.match(away!.remedy, /^redis-cli -h 127\.0\.0\.1 -p 1 ping/u);
  });

  test('each fault of the file of an engine has a remedy that leads to it', async () => {
    const shared = {
      ...derived,
      tlsmgr_ticket_keys: 'shared',
      tlsmgr_fleet_engine: 'redis:$config_directory/other.cf',
    };
    writeFileSync(setUp.path('open'), 'x\n', { mode: 0o644 });
    chmodSync(setUp.path('open'), 0o644);
    const server = 'servers = 127.0.0.1:1\n';
    const password = `${server}password_file = `;
    for (const [lines, fault, remedy] of [
      [
        undefined,
        /other\.cf: No such file/u,
        /^ls -l DIR\/other\.cf {2}# write it, as docs\/fleet/u,
      ],
      [
        'server = 127.0.0.1:1\n',
        /cf: unknown name: server: /u,
        /^cat DIR\/\S+ .* \(servers was meant\?\)/u,
      ],
      [
        `${server}servers = b:1\n`,
        /cf, line 2: overriding earlier /u,
        /^cat DIR\/other\.cf {2}# correct that/u,
      ],
      [
        `${server}tls = true\n`,
        /cf: bad boolean configuration: tls = true: /u,
        /^cat DIR\/other\.cf /u,
      ],
      [
        `${password}${setUp.path('none')}\n`,
        /cf: DIR\/none: No such file/u,
        /^ls -l DIR\/none {2}# DIR\/other\.cf names it: /u,
      ],
      [
        `${password}${setUp.path('open')}\n`,
        /cf: DIR\/open: file is open to group/u,
        /^chown root DIR\/open && chmod 600 DIR\/open && postfix reload {2}#/u,
      ],
    ] as const) {
      if (lines !== undefined) {
        writeFileSync(setUp.path('other.cf'), lines);
      }
      const [found, ...more] = await setUp.findings(shared);
      assert.deepEqual([found!.name, more], ['fleet-engine-unusable', []]);
      assert.match(found!.text, fault);
      assert.match(found!.remedy, remedy);
      requirePasteable(found!.remedy);
    }
  });

  test('what a parameter lacks is told with the command that gives it', async () => {
    for (const [parameters, remedy] of [
      [
        { tlsmgr_ticket_keys: 'shared' },
        /^scp -p OTHERHOST:(\S+) \1 && postconf tlsmgr_fleet_secret_file=\1 && postfix reload {2}# .*: tlsmgr fleet-secret \1$/u,
      ],
      [{ ...derived, tlsmgr_ticket_keys: 'shared' }, /^postconf tlsmgr_fleet_engine=redis:/u],
      [
        { ...derived, smtpd_tls_session_cache_timeout: '600s' },
        /^postconf smtpd_tls_session_cache_timeout=3600s/u,
      ],
    ] as const) {
      const found = await setUp.findings(parameters);
      assert.deepEqual(kinds(found), ['error config-fault']);
      assert.match(found[0]!.remedy, remedy);
    }
  });
});

describe('a mistake in main.cf', { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;
  before(() => {
    setUp = new CheckSetUp();
    writeFileSync(setUp.path('secret'), `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    writeFileSync(setUp.path('engine.cf'), 'servers = 127.0.0.1:1\n', { mode: 0o600 });
  });
  after(() => setUp.remove());

  for (const [what, mistake, command] of [
    [
      'a relative path',
      { tlsmgr_fleet_engine: 'redis:engine.cf' },
      "postconf 'tlsmgr_fleet_engine=redis:DIR/engine.cf'",
    ],
    [
      'a path without its type',
      { tlsmgr_fleet_engine: '/DIR/engine.cf' },
      "postconf 'tlsmgr_fleet_engine=redis:/DIR/engine.cf'",
    ],
    ['a misspelt value', { tlsmgr_ticket_keys: 'derivd' }, "postconf 'tlsmgr_ticket_keys=derived'"],
    [
      'misspelt values',
      { tlsmgr_ticket_keys: 'share,derivd' },
      "postconf 'tlsmgr_ticket_keys=shared, derived'",
    ],
    [
      'a misspelt name',
      { tlsmgr_fleet_engin: 'redis:$config_directory/engine.cf' },
      "postconf 'tlsmgr_fleet_engine=redis:$config_directory/engine.cf'; postconf -X tlsmgr_fleet_engin",
    ],
    [
      'a value that says nothing of what was meant',
      { tlsmgr_ticket_keys: 'everything' },
      'postconf tlsmgr_ticket_keys; postconf -d tlsmgr_ticket_keys',
    ],
  ] as const) {
    test(`${what} is mended by a command that keeps what was chosen`, async () => {
      const found = await setUp.findings({
        tlsmgr_fleet_secret_file: '$config_directory/secret',
        ...mistake,
      });
      assert.deepEqual(
        found.map(({ name }) => name),
        [what === 'a misspelt name' ? 'parameter-unknown' : 'config-fault'],
      );
      assert.equal(found[0]!.remedy.replace(/(?:; postfix reload)?(?: {2}#.*)?$/u, ''), command);
    });
  }

  test('that another parameter suffers from is mended once', async () => {
    const found = await setUp.findings({
      tlsmgr_fleet_secret_file: '$config_directory/secret',
      tlsmgr_fleet_engine: '/DIR/engine.cf',
      tlsmgr_ticket_keys: 'shared',
    });
    assert.deepEqual(
      found.map(({ remedy }) => remedy),
      [
        "postconf 'tlsmgr_fleet_engine=redis:/DIR/engine.cf'; postfix reload",
        '# ends with the fault in tlsmgr_fleet_engine: mend that one',
      ],
    );
  });

  test('in a name that is set as it should be, too, takes the other one away', async () => {
    const engine = 'redis:$config_directory/engine.cf';
    const found = await setUp.findings({
      tlsmgr_fleet_secret_file: '$config_directory/secret',
      tlsmgr_fleet_engine: engine,
      tlsmgr_fleet_engin: engine,
    });
    const unknown = found.find(({ name }) => name === 'parameter-unknown')!;
    assert.match(unknown.remedy, /^postconf -X tlsmgr_fleet_engin; postfix reload/u);
  });
});

describe('names of smtpd services', () => {
  const lines = [
    'smtp inet n - y - - smtpd',
    '192.0.2.1:465 inet n - y - - smtpd',
    '127.0.0.1:10025 inet n - y - - smtpd',
    '192.0.2.1:587 inet n - y - - other',
  ].map((line) => parseLine(line));
  const named = (fleet: object): Finding[] =>
    fleetServiceFindings(lines, { fleet } as unknown as Config);

  test('with an address are told where hosts share what depends on them', () => {
    const found = named({ ticketKeys: 'derived', engine: undefined, caches: ['smtpd'] });
    assert.deepEqual(kinds(found), ['warning fleet-service-address']);
    assert.match(found[0]!.text, /^the smtpd service 192\.0\.2\.1:465 of master\.cf/u);
    requirePasteable(found[0]!.remedy);
    const engine = { type: 'redis', file: '/x' };
    assert.equal(named({ ticketKeys: 'local', engine, caches: ['smtpd'] }).length, 1);
    assert.deepEqual(named({ ticketKeys: 'local', engine, caches: ['smtp'] }), []);
    assert.deepEqual(named({ ticketKeys: 'local', engine: undefined, caches: ['smtpd'] }), []);
  });
});

describe('an engine that is asked', () => {
  const engineOf = (change: (store: Store) => void): StoreEngine => {
    const store = new Store();
    change(store);
    return new StoreEngine(store, new TestClock());
  };

  test('and has good settings is no finding', async () => {
    assert.deepEqual(
      await askedFindings(
        engineOf(() => undefined),
        [],
      ),
      [],
    );
  });

  test('that writes to disk or may remove keys is a warning each', async () => {
    const engine = engineOf((store) => {
      store.persistence = 'rdb_saves:1\r\naof_enabled:1\r\n';
      store.memory = 'maxmemory:9\r\nmaxmemory_policy:allkeys-lfu\r\n';
    });
    const found = await askedFindings(engine, []);
    assert.deepEqual(kinds(found), [
      'warning engine-persistent',
      'warning engine-persistent',
      'warning engine-eviction',
    ]);
    const commands = found.map(({ remedy }) => remedy.split(' && ')[0]);
    assert.deepEqual(commands, [
      "redis-cli -h engine -p 6379 config set save ''",
      'redis-cli -h engine -p 6379 config set appendonly no',
      'redis-cli -h engine -p 6379 config set maxmemory-policy volatile-ttl',
    ]);
    for (const { remedy } of found) {
      requirePasteable(remedy);
    }
    assert.match(found[0]!.remedy, /; this warning stays until the engine is restarted$/u);
  });

  test('that is away is a warning, unless the daemon has told of it', async () => {
    const engine = engineOf(() => undefined);
    engine.connection = 'away';
    const found = await askedFindings(engine, []);
    assert.deepEqual(kinds(found), ['warning engine-unusable']);
    requirePasteable(found[0]!.remedy);
    const told: Finding = { severity: 'warning', name: 'engine-away', text: '', remedy: '' };
    assert.deepEqual(await askedFindings(engine, [told]), []);
    engine.connection = 'opening';
    assert.deepEqual(kinds(await askedFindings(engine, [], { limitMs: 20 })), [
      'warning engine-unusable',
    ]);
  });

  test('has a hint for each reason why it is away', () => {
    for (const [reason, hint] of [
      ['WRONGPASS no such user', /correct username and password_file in/u],
      ['self-signed certificate in certificate chain', /tls_ca_file has to name/u],
      ["Hostname/IP does not match certificate's altnames: IP: 1", /tls_server_name a name in it/u],
      ['Connection refused', /correct servers or tls in the file/u],
    ] as const) {
      const remedy = pingRemedy('a:1', undefined, reason);
      assert.match(remedy, hint);
      requirePasteable(remedy);
    }
  });

  test('that does not tell is a note', async () => {
    const engine = engineOf(() => undefined);
    engine.info = () => Promise.reject(new EngineError('NOPERM no right'));
    const found = await askedFindings(engine, []);
    assert.match(found[0]!.text, /doesn't tell its settings: NOPERM no right: /u);
    requirePasteable(found[0]!.remedy);
  });

  test('has a command that names it', () => {
    assert.equal(redisCli('[2001:db8::1]:6380'), 'redis-cli -h 2001:db8::1 -p 6380');
    assert.equal(redisCli('a;b'), "redis-cli -h 'a;b'");
    const access = {
      username: '',
      password_file: '',
      tls: false,
      tls_ca_file: '/ca',
      tls_cert_file: '/c',
      tls_key_file: '/k',
      tls_server_name: 'n',
    };
    assert.equal(redisCli('a:1', access), 'redis-cli -h a -p 1');
    assert.equal(
      redisCli('a:1', { ...access, username: 'u v', password_file: "/p'w", tls: true }),
      `REDISCLI_AUTH="$(cat '/p'\\''w')" redis-cli -h a -p 1 --tls --cacert /ca --cert /c --key /k --sni n --user 'u v'`,
    );
    assert.equal(
      redisCli('a:1', { ...access, password_file: '/p' }),
      'REDISCLI_AUTH="$(cat /p)" redis-cli -h a -p 1',
    );
  });
});

describe('what the running daemon says of its fleet', () => {
  const told = (change: object, known: Finding[] = []): Finding[] => {
    const problems = [{ severity: 'warning', text: 'x', ...change }];
    const report = { ...sampleReport(), fleet: sampleFleet(), problems } as never;
    return problemFindings(report, undefined, known);
  };

  test('has a remedy each', () => {
    for (const [problem, remedy] of [
      [{ name: 'engine-away' }, /^redis-cli -h redis\.example\.net -p 6379 ping/u],
      [{ name: 'engine-paused' }, / --latency/u],
      [{ name: 'engine-refuses-writes' }, / info memory/u],
      [{ name: 'fleet-clock' }, /^timedatectl/u],
      [
        {
          name: 'fleet-differs',
          text: 'fleet: mx2 has smtp_tls_session_cache_timeout 1s, here 2s',
        },
        /^postconf smtp_tls_session_cache_timeout {2}# give all hosts/u,
      ],
      [
        { name: 'fleet-differs', text: 'fleet: mx2 has smtpd services 25, here smtp' },
        /^postconf -M/u,
      ],
      [{ name: 'fleet-differs', text: 'fleet: mx2 has OpenSSL 1, here 2' }, /^# it ends/u],
      [
        { name: 'fleet-off', severity: 'error', text: 'nothing: x (tlsmgr_fleet_secret_file)' },
        /^postconf tlsmgr_fleet_secret_file/u,
      ],
    ] as const) {
      const [finding] = told(problem);
      assert.equal(finding!.name, problem.name);
      assert.match(finding!.remedy, remedy);
      requirePasteable(finding!.remedy);
    }
  });

  test('of another secret has the command that finds the host', () => {
    const text =
      "fleet: 1 other host, whose name can't be read here, has another secret: give all hosts the same tlsmgr_fleet_secret_file, then postfix reload there";
    const problems = [{ severity: 'warning', name: 'fleet-differs', text }];
    const report = { ...sampleReport(), fleet: sampleFleet(), problems } as never;
    const config = { fleet: { secretFile: '/etc/a secret' } } as unknown as Config;
    const [found] = problemFindings(report, config, []);
    assert.match(found!.remedy, /^sha256sum '\/etc\/a secret' {2}# run it on each host: /u);
    requirePasteable(found!.remedy);
    assert.match(
      told({ name: 'fleet-differs', text })[0]!.remedy,
      /^postconf tlsmgr_fleet_secret/u,
    );
  });

  test('is told once', () => {
    const known: Finding = { severity: 'error', name: 'fleet-secret-open', text: '', remedy: '' };
    assert.deepEqual(told({ name: 'fleet-off' }, [known]), []);
  });
});
