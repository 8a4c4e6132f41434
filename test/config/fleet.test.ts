/** The parameters of a fleet: what they come to, and which values are refused together. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { misspeltFindings } from '../../src/cli/findings/misspelt.ts';
import { runVerb } from '../../src/cli/run.ts';
import type { Config, FleetSettings } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { LoadOptions } from '../../src/config/settings.ts';
import { FatalError } from '../../src/errors.ts';
import { settingsOf } from '../../src/report/settings.ts';
import { scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();

function load(lines: readonly string[], options: Partial<LoadOptions> = {}): Config {
  writeMainCf(directory, [...lines, ''].join('\n'));
  return loadConfig({
    configDirectory: directory,
    environment: {},
    overrides: [],
    programName: 'tlsmgr',
    serviceName: 'a-service',
    mode: 'print',
    warn: (text) => assert.fail(text),
    // Nothing here may need it.
    runPostconf: () => assert.fail('postconf(1) was started'),
    ...options,
  });
}

const secret = 'tlsmgr_fleet_secret_file = /etc/postfix/secret';
const engine = 'tlsmgr_fleet_engine = redis:/etc/postfix/tlsmgr-fleet.cf';

describe('Config.fleet', () => {
  test('without any of its parameters shares nothing', () => {
    const { fleet, faults } = load(['myhostname = mx1.example.org']);
    assert.deepEqual(faults, []);
    assert.deepEqual<FleetSettings>(fleet, {
      ticketKeys: 'local',
      secretFile: '',
      engine: undefined,
      engineText: '',
      caches: ['smtp', 'smtpd'],
      keySet: 'a-service',
      host: 'mx1.example.org',
      sharesTls13: false,
    });
  });

  test('has what main.cf says', () => {
    const lines = [
      secret,
      engine,
      'tlsmgr_ticket_keys = shared',
      'tlsmgr_fleet_caches = smtp web',
      'tlsmgr_session_caches = web',
      'tlsmgr_fleet_key_set = in $x',
      'x = Köln',
      'tlsmgr_fleet_host = mx-1',
    ];
    const { fleet, faults } = load(lines);
    assert.deepEqual(faults, []);
    assert.deepEqual<FleetSettings>(fleet, {
      ticketKeys: 'shared',
      secretFile: '/etc/postfix/secret',
      engine: { type: 'redis', file: '/etc/postfix/tlsmgr-fleet.cf' },
      engineText: 'redis:/etc/postfix/tlsmgr-fleet.cf',
      caches: ['smtp', 'web'],
      keySet: 'in Köln',
      host: 'mx-1',
      sharesTls13: false,
    });
  });

  test('takes the words of tlsmgr_ticket_keys in any order', () => {
    const keys = (text: string): string =>
      load([secret, engine, `tlsmgr_ticket_keys = ${text}`], { mode: 'standalone' }).fleet
        .ticketKeys;
    for (const text of ['shared, derived', 'derived shared', 'derived ,shared', 'Shared,DERIVED']) {
      assert.equal(keys(text), 'shared, derived', text);
    }
    for (const text of ['local', 'shared', 'derived', ' Derived ,']) {
      assert.equal(keys(text), text.toLowerCase().replaceAll(/[ ,]/gu, ''));
    }
  });

  test('shares no sessions where tlsmgr_fleet_caches is empty', () => {
    assert.deepEqual(load([secret, engine, 'tlsmgr_fleet_caches =']).fleet.caches, []);
  });

  test('wants the key set by the name of the service, whatever postconf(1) makes of it', () => {
    for (const mode of ['print', 'standalone'] as const) {
      assert.equal(load([], { mode }).fleet.keySet, 'a-service');
    }
    assert.equal(load([]).text.get('tlsmgr_fleet_key_set'), 'a-service');
    assert.equal(load([]).text.get('service_name'), '', 'as postconf -x prints it');
    const named = ['n = $service_name', 'tlsmgr_fleet_key_set = $n.$mail_name'];
    assert.equal(load(named).fleet.keySet, 'a-service.Postfix');
  });
});

describe('TLS 1.3 sessions of smtpd', () => {
  const shares = (...lines: string[]): boolean =>
    load([secret, engine, ...lines]).fleet.sharesTls13;

  test('are shared only where main.cf keeps smtpd from giving tickets', () => {
    for (const line of [
      'tls_ssl_options = no_ticket',
      'tls_ssl_options = no_compression, NO_TICKET',
      'tls_ssl_options = 0x4000',
      'tls_ssl_options = no_renegotiation 0xC000',
      'tls_ssl_options = $x',
      'tls_session_ticket_cipher =',
      'tls_session_ticket_cipher = $nothing',
    ]) {
      assert.equal(shares(line, 'x = no_ticket', 'nothing ='), true, line);
    }
    for (const line of [
      'tls_ssl_options =',
      'tls_ssl_options = no_compression',
      'tls_ssl_options = 0x8000',
      'tls_ssl_options = xno_ticket',
      'tls_session_ticket_cipher = aes-256-cbc',
      'tls_ssl_options = ${x',
    ]) {
      assert.equal(shares(line), false, line);
    }
    assert.equal(shares(), false);
  });

  test('an -o counts as main.cf does', () => {
    const overrides = [{ name: 'tls_ssl_options', value: 'no_ticket' }];
    assert.equal(load([secret, engine], { overrides }).fleet.sharesTls13, true);
    assert.equal(load([], { overrides }).fleet.sharesTls13, false, 'nothing is shared');
  });
});

describe('a value that can not be used', () => {
  const names: Record<string, keyof FleetSettings> = {
    tlsmgr_ticket_keys: 'ticketKeys',
    tlsmgr_fleet_engine: 'engineText',
    tlsmgr_fleet_caches: 'caches',
    tlsmgr_fleet_key_set: 'keySet',
    tlsmgr_fleet_host: 'host',
  };
  const defaults: Partial<FleetSettings> = {
    ticketKeys: 'local',
    engineText: '',
    caches: ['smtp', 'smtpd'],
    keySet: 'a-service',
    host: 'mx1.example.org',
  };
  const shownDefaults: Record<string, string> = {
    tlsmgr_ticket_keys: 'local',
    tlsmgr_fleet_engine: '',
    tlsmgr_fleet_caches: 'smtp, smtpd',
    tlsmgr_fleet_key_set: 'a-service',
    tlsmgr_fleet_host: 'mx1.example.org',
  };
  const timeout = (text: string): string => `smtpd_tls_session_cache_timeout = ${text}`;
  const cases: [what: string, lines: string[], ...said: [name: string, message: string][]][] = [
    [
      'shared keys without anything',
      ['tlsmgr_ticket_keys = shared'],
      [
        'tlsmgr_ticket_keys',
        'tlsmgr_ticket_keys = shared needs tlsmgr_fleet_secret_file, which is empty',
      ],
    ],
    [
      'shared keys without an engine',
      [secret, 'tlsmgr_ticket_keys = derived, shared'],
      [
        'tlsmgr_ticket_keys',
        'tlsmgr_ticket_keys = shared, derived needs tlsmgr_fleet_engine, which is empty',
      ],
    ],
    [
      'derived keys without a secret',
      ['tlsmgr_ticket_keys = derived'],
      [
        'tlsmgr_ticket_keys',
        'tlsmgr_ticket_keys = derived needs tlsmgr_fleet_secret_file, which is empty',
      ],
    ],
    [
      'an engine without a secret',
      [engine],
      [
        'tlsmgr_fleet_engine',
        'tlsmgr_fleet_engine = redis:/etc/postfix/tlsmgr-fleet.cf needs tlsmgr_fleet_secret_file, which is empty',
      ],
    ],
    [
      'an engine and shared keys without a secret',
      [engine, 'tlsmgr_ticket_keys = shared'],
      [
        'tlsmgr_fleet_engine',
        'tlsmgr_fleet_engine = redis:/etc/postfix/tlsmgr-fleet.cf needs tlsmgr_fleet_secret_file, which is empty',
      ],
      [
        'tlsmgr_ticket_keys',
        'tlsmgr_ticket_keys = shared needs tlsmgr_fleet_secret_file, which is empty',
      ],
    ],
    ...['1199s', '86402s'].map((text): (typeof cases)[number] => [
      `derived keys with a lifetime of ${text}`,
      [secret, 'tlsmgr_ticket_keys = derived', timeout(text)],
      [
        'tlsmgr_ticket_keys',
        `tlsmgr_ticket_keys = derived needs smtpd_tls_session_cache_timeout from 1200s to 86400s, or 0, and it is ${text}`,
      ],
    ]),
    [
      'a cache that is none',
      [secret, engine, 'tlsmgr_fleet_caches = smtp, web'],
      ['tlsmgr_fleet_caches', 'tlsmgr_fleet_caches = smtp, web: there is no cache web'],
    ],
    [
      'a bad name of a cache',
      ['tlsmgr_fleet_caches = smtp-d'],
      [
        'tlsmgr_fleet_caches',
        `file ${directory}/main.cf: parameter tlsmgr_fleet_caches: bad name of a cache: smtp-d`,
      ],
    ],
    ...['both', 'local shared', 'shared, other', ','].map((text): (typeof cases)[number] => [
      `keys of ${text}`,
      [secret, engine, `tlsmgr_ticket_keys = ${text}`],
      [
        'tlsmgr_ticket_keys',
        `file ${directory}/main.cf: parameter tlsmgr_ticket_keys: bad parameter value: ${text}`,
      ],
    ]),
    ...['redis:', 'redis:relative', 'memcache:/x', '/x', 'redis:/a\tb'].map(
      (text): (typeof cases)[number] => [
        `an engine ${JSON.stringify(text)}`,
        [secret, `tlsmgr_fleet_engine = ${text}`],
        [
          'tlsmgr_fleet_engine',
          `file ${directory}/main.cf: parameter tlsmgr_fleet_engine: bad parameter value: ${text}`,
        ],
      ],
    ),
    ...['tlsmgr_fleet_key_set', 'tlsmgr_fleet_host'].flatMap((name): typeof cases => [
      [`an empty ${name}`, [`${name} =`], [name, `bad string length 0 < 1: ${name} = `]],
      ...['x'.repeat(256), 'ä'.repeat(128), 'a\tb', 'a\u0085b'].map(
        (text): (typeof cases)[number] => [
          `a ${name} ${JSON.stringify(text)}`,
          [`${name} = ${text}`],
          [name, `file ${directory}/main.cf: parameter ${name}: bad parameter value: ${text}`],
        ],
      ),
    ]),
  ];

  for (const [what, lines, ...said] of cases) {
    test(`${what}: the default is used, and a fault says so`, () => {
      const { fleet, faults, text } = load(['myhostname = mx1.example.org', ...lines]);
      assert.deepEqual(
        faults.map(({ name, message }) => [name, message]),
        said,
      );
      for (const [name] of said) {
        const key = names[name]!;
        assert.deepEqual(fleet[key], defaults[key]);
        const fault = faults.find((one) => one.name === name)!;
        const shown = text.get(name)!;
        const used = shownDefaults[name] === '' ? 'empty' : shownDefaults[name];
        if (fault.message.startsWith(`${name} = `)) {
          // What the value may be is no matter here: another parameter is.
          assert.equal(fault.text, `${fault.message}: its default is used: ${used}`);
        } else {
          assert.match(fault.text, new RegExp(`: ${name} takes .*; its default is used: `, 'u'));
        }
        assert.equal(shown, shownDefaults[name]);
      }
    });

    test(`${what}: refused standalone, where a person sees it`, () => {
      assert.throws(
        () => load(['myhostname = mx1.example.org', ...lines], { mode: 'standalone' }),
        (thrown) => thrown instanceof FatalError && thrown.message === said[0]![1],
      );
    });
  }

  test('what fits is no fault: keys with the shortest, the longest and no lifetime', () => {
    for (const text of ['1200s', '86400s', '1201s', '0']) {
      const { fleet, faults } = load([secret, 'tlsmgr_ticket_keys = derived', timeout(text)]);
      assert.deepEqual(faults, [], text);
      assert.equal(fleet.ticketKeys, 'derived');
    }
    assert.deepEqual(load([timeout('300s')]).faults, [], 'local keys may have any');
    const longest = 'x'.repeat(255);
    assert.equal(load([`tlsmgr_fleet_key_set = ${longest}`]).fleet.keySet, longest);
  });
});

describe('what is shown of it', () => {
  test('a running daemon reports what it uses, and no secret', () => {
    const settings = settingsOf(load([secret, engine, 'tlsmgr_ticket_keys=derived shared']));
    assert.equal(settings['tlsmgr_ticket_keys'], 'shared, derived');
    assert.equal(settings['tlsmgr_fleet_secret_file'], '/etc/postfix/secret');
    assert.equal(settings['tlsmgr_fleet_engine'], 'redis:/etc/postfix/tlsmgr-fleet.cf');
    assert.equal(settings['tlsmgr_fleet_caches'], 'smtp, smtpd');
    assert.equal(settings['tlsmgr_fleet_key_set'], 'a-service');
    assert.ok('tlsmgr_fleet_host' in settings);
  });

  test('tlsmgr config shows the values, and warns of those that are refused', async () => {
    writeMainCf(
      directory,
      'tlsmgr_ticket_keys = shared\ntlsmgr_service_name = other\ntlsmgr_fleet_host = h\n',
    );
    let out = '';
    let err = '';
    const status = await runVerb(
      'config',
      ['-c', directory, 'tlsmgr_ticket_keys', 'tlsmgr_fleet_key_set', 'tlsmgr_fleet_host'],
      {
        out: (text) => void (out += text),
        err: (text) => void (err += text),
        screen: (text) => void (out += text),
        environment: {},
      },
    );
    assert.equal(status, 1);
    assert.deepEqual(out.split('\n'), [
      'tlsmgr_ticket_keys = local  # default: that of main.cf is refused',
      'tlsmgr_fleet_key_set = other  # default',
      'tlsmgr_fleet_host = h  # main.cf',
      '',
    ]);
    assert.equal(
      err,
      'tlsmgr: warning: tlsmgr_ticket_keys = shared needs tlsmgr_fleet_secret_file, which is empty: its default is used: local\n',
    );
  });

  test('tlsmgr check knows the names, and what a misspelt one was meant to be', () => {
    const found = (...names: string[]): string[] =>
      misspeltFindings(
        { directory, settings: new Map(names.map((name) => [name, ''])) },
        { service: 'tlsmgr/unix', masterCf: [], command: [] },
      ).map(({ text, remedy }) => `${text}; ${remedy}`);
    assert.deepEqual(found('tlsmgr_ticket_keys', 'tlsmgr_fleet_engine', 'tlsmgr_fleet_host'), []);
    const [told] = found('tlsmgr_fleet_secretfile');
    assert.match(told!, /no such parameter: .*# tlsmgr_fleet_secret_file was meant\?$/u);
  });
});
