import assert from 'node:assert/strict';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { runVerb } from '../../src/cli/run.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { LoadOptions } from '../../src/config/settings.ts';
import { FatalError } from '../../src/errors.ts';
import { version } from '../../src/version.ts';
import { noPostconf, scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();

interface Loaded {
  config: Config;
  warnings: string[];
}

function load(lines: readonly string[], options: Partial<LoadOptions> = {}): Loaded {
  writeMainCf(directory, [...lines, ''].join('\n'));
  const warnings: string[] = [];
  const config = loadConfig({
    configDirectory: directory,
    environment: {},
    overrides: [],
    programName: 'tlsmgr',
    serviceName: 'tlsmgr',
    mode: 'print',
    warn: (text) => warnings.push(text),
    ...options,
  });
  return { config, warnings };
}

describe('where values come from', () => {
  test('defaults', () => {
    const { config, warnings } = load([]);
    assert.deepEqual(warnings, []);
    assert.equal(config.configDirectory, directory);
    assert.equal(config.queueDirectory, '/var/spool/postfix');
    assert.equal(config.random.exchangeName, '/var/lib/postfix/prng_exch');
    assert.equal(config.random.reseedPeriodSeconds, 3600);
    assert.deepEqual(config.caches.get('lmtp')!, {
      label: 'lmtp',
      database: '',
      lifetimeSeconds: 3600,
      logOperations: false,
      sizeLimitBytes: 268_435_456,
      entryLimit: 0,
    });
    assert.equal(config.announce, true);
    assert.deepEqual(config.limits, {
      requestSizeBytes: 1_048_576,
      requestTimeSeconds: 60,
      connections: 5000,
    });
    assert.equal(config.log.syslogName, 'postfix');
    assert.equal(config.log.keepUtf8, false);
    assert.equal(config.log.postlogSocket, '/var/spool/postfix/public/postlog');
  });

  test('main.cf, then overrides in their order', () => {
    const { config } = load(['tls_random_bytes = 40', 'data_directory = /d', 'max_use = 7'], {
      overrides: [
        { name: 'tls_random_bytes', value: '50' },
        { name: 'data_directory', value: '$nested/x' },
        { name: 'nested', value: '/é' },
        { name: 'tls_random_bytes', value: '60' },
      ],
    });
    assert.equal(config.random.bytes, 60);
    assert.equal(config.random.exchangeName, '/é/x/prng_exch');
  });

  test('defaults of the caller are weaker than main.cf', () => {
    const defaults = new Map([
      ['data_directory', 'run'],
      ['smtpd_tls_session_cache_database', 'btree:${data_directory}/smtpd'],
    ]);
    assert.equal(load([], { defaults }).config.caches.get('smtpd')!.database, 'btree:run/smtpd');
    assert.equal(
      load(['data_directory = /d'], { defaults }).config.caches.get('smtpd')!.database,
      'btree:/d/smtpd',
    );
  });

  test('names that are given', () => {
    const lines = ['a = $process_name,$service_name,$config_directory', 'tls_random_source = $a'];
    const { config } = load([...lines, 'process_name = x', 'service_name = x'], {
      mode: 'standalone',
      serviceName: 'other',
    });
    assert.equal(config.random.source, `tlsmgr,other,${directory}`);
    assert.equal(config.serviceName, 'other');
    const moved = load(['config_directory = /zz', 'tls_random_source = $config_directory']);
    assert.equal(moved.config.random.source, '/zz');
    assert.equal(moved.config.configDirectory, directory);
    assert.deepEqual(moved.warnings, [
      `${directory}/main.cf, line 1: overriding earlier entry: config_directory=${directory}`,
    ]);
  });

  test('process_id is known to our own parameters only', () => {
    const { config } = load(['syslog_name = x$process_id', 'tls_random_source = x$process_id'], {
      mode: 'standalone',
    });
    assert.equal(config.log.syslogName, 'x');
    assert.equal(config.random.source, `x${process.pid}`);
  });

  test('names of the host', () => {
    const own = hostname();
    const bare = own.split('.')[0]!;
    assert.equal(load([]).config.log.hostname, own.includes('.') ? own : `${own}.localdomain`);
    const { config } = load(['mydomain = example.org', 'tls_random_source = $myhostname']);
    assert.ok(config.random.source.startsWith(`${bare}.`));
    assert.equal(load(['myhostname = a.b.c']).config.text.get('mydomain'), 'b.c');
    assert.equal(load(['myhostname = a']).config.text.get('mydomain'), 'localdomain');
  });

  test('MAIL_CONFIG, unless a directory is asked for', () => {
    load([]);
    const environment = { MAIL_CONFIG: join(directory, 'none') };
    assert.equal(load([], { environment }).config.configDirectory, directory);
    const { configDirectory: _, ...rest } = {
      configDirectory: '',
      environment,
      overrides: [],
      programName: 'tlsmgr',
      serviceName: 'tlsmgr',
      mode: 'print' as const,
      warn: () => {},
    };
    assert.throws(() => loadConfig(rest), {
      message: `open ${directory}/none/main.cf: No such file or directory`,
    });
  });

  test('standalone nothing needs a Postfix', () => {
    const config = loadConfig({
      environment: {},
      overrides: [],
      programName: 'tlsmgr',
      serviceName: 'tlsmgr',
      mode: 'standalone',
      warn: (text) => assert.fail(text),
    });
    const { username, uid, gid } = userInfo();
    assert.deepEqual(config.mailOwner, { name: username, uid, gid });
  });
});

describe('what is made of them', () => {
  test('lifetimes of caches', () => {
    const lifetime = (text: string): number =>
      load([`smtp_tls_session_cache_timeout = ${text}`]).config.caches.get('smtp')!.lifetimeSeconds;
    assert.deepEqual(
      ['0', '1', '119', '120', '100d'].map((text) => lifetime(text)),
      [0, 120, 120, 120, 8_640_000],
    );
  });

  test('log levels only of caches that are on', () => {
    const lines = ['smtp_tls_loglevel = x', 'smtpd_tls_loglevel = 2'];
    const on = [
      'smtp_tls_session_cache_database = internal:',
      'smtpd_tls_session_cache_database = internal:',
    ];
    assert.deepEqual(load(lines).warnings, []);
    const { config, warnings } = load([...lines, ...on]);
    assert.deepEqual(warnings, ['unknown smtp_tls_loglevel value "x" in "x"']);
    assert.equal(config.caches.get('smtpd')!.logOperations, true);
    assert.equal(config.caches.get('smtp')!.logOperations, false);
    assert.deepEqual(load([...lines, ...on, 'smtp_tls_session_cache_timeout = 0']).warnings, []);
  });

  test('sizes beyond 31 bits', () => {
    const { config } = load(['smtpd_tls_session_cache_size_limit = 8589934592']);
    assert.equal(config.caches.get('smtpd')!.sizeLimitBytes, 2 ** 33);
  });

  test('a loop through a comparison is a fault, not a crash', () => {
    assert.throws(() => load(['a = ${{$a} == {x}?{y}:{z}}', 'tls_random_source = $a']), {
      code: 'FATAL',
      message: /^file .*: parameter tls_random_source: macro processing error: unreasonable macro/u,
    });
  });

  test('the version, of Postfix or ours', () => {
    const text = load([]).config.text.get('mail_version')!;
    assert.match(text, /^[0-9]+\.[0-9]+/u);
    assert.equal(text === version, noPostconf !== false);
  });
});

describe('tlsmgr config', () => {
  async function run(
    lines: readonly string[],
    ...args: string[]
  ): Promise<{ status: number; out: string; err: string }> {
    writeMainCf(directory, [...lines, ''].join('\n'));
    let out = '';
    let err = '';
    const status = await runVerb('config', ['-c', directory, ...args], {
      out: (text) => (out += text),
      err: (text) => (err += text),
      screen: (text) => (out += text),
      environment: {},
    });
    // Where each value comes from is tested in test/cli/config.test.ts.
    return { status, out: out.replaceAll(/ {2}# [a-z.]+(?: line)?$/gmu, ''), err };
  }

  test('prints as postconf -x', async () => {
    assert.deepEqual(
      await run(
        ['tls_random_source =  a\t b', 'x = 1'],
        '-o',
        'max_use=$x',
        'tls_random_source',
        'max_use',
        'lmtp_tls_session_cache_database',
      ),
      {
        status: 0,
        out: 'tls_random_source = a b\nmax_use = 1\nlmtp_tls_session_cache_database =\n',
        err: '',
      },
    );
  });

  test('prints JSON of texts', async () => {
    const { status, out } = await run(['smtpd_tls_loglevel = 2'], '--json');
    assert.equal(status, 0);
    const values = JSON.parse(out) as Record<string, string>;
    assert.equal(values['smtpd_tls_loglevel'], '2');
    assert.equal(values['tls_random_bytes'], '32');
    assert.ok(Object.values(values).every((value) => typeof value === 'string'));
  });

  test('shows values that the daemon refuses, and says so', async () => {
    assert.deepEqual(await run(['tls_random_bytes = 12x'], 'tls_random_bytes', 'nope'), {
      status: 1,
      out: 'tls_random_bytes = 12x\n',
      err:
        'tlsmgr: warning: nope: unknown parameter\n' +
        'tlsmgr: fatal: bad numerical configuration: tls_random_bytes = 12x\n',
    });
  });

  test('says what is wrong with a file or an option', async () => {
    for (const [lines, args, message] of [
      [['foo'], [], `${directory}/main.cf, line 1: missing '=' after attribute name: "foo"`],
      [
        ['tls_random_source = $'],
        [],
        `file ${directory}/main.cf: parameter tls_random_source: macro processing error: empty macro name: "$"`,
      ],
      [[], ['-o', 'x'], `invalid "-o x" option value: missing '=' after attribute name`],
      [[], ['-c', '/none'], 'open /none/main.cf: No such file or directory'],
    ] as const) {
      assert.deepEqual(await run(lines, ...args), {
        status: 1,
        out: '',
        err: `tlsmgr: fatal: ${message}\n`,
      });
    }
  });

  test('warns once of what it ignores', async () => {
    const { status, err } = await run(['daemon_timeout = 1h30m', 'max_use = 1', 'max_use = 2']);
    assert.equal(status, 0);
    assert.deepEqual(err.split('\n'), [
      `tlsmgr: warning: ${directory}/main.cf, line 3: overriding earlier entry: max_use=1`,
      'tlsmgr: warning: parameter daemon_timeout: ignoring "30m" after the unit in time value: 1h30m',
      '',
    ]);
  });
});

test('a fault is a FatalError', () => {
  assert.throws(() => load(['max_use = x']), FatalError);
});

describe('a parameter of ours that has a fault', () => {
  const cases: readonly [string, string, (config: Config) => unknown, unknown][] = [
    [
      'tlsmgr_request_time_limit = 0',
      'invalid tlsmgr_request_time_limit: 0 (min 1): tlsmgr_request_time_limit takes a time of at least 1 s; its default is used: 60s',
      (config) => config.limits.requestTimeSeconds,
      60,
    ],
    [
      'tlsmgr_request_size_limit = 1k',
      'bad numerical configuration: tlsmgr_request_size_limit = 1k: tlsmgr_request_size_limit takes a whole number of at least 4096; its default is used: 1048576',
      (config) => config.limits.requestSizeBytes,
      1_048_576,
    ],
    [
      'tlsmgr_session_cache_persistent = maybe',
      'bad boolean configuration: tlsmgr_session_cache_persistent = maybe: tlsmgr_session_cache_persistent takes yes or no; its default is used: no',
      (config) => config.persistentCaches,
      false,
    ],
    [
      'tlsmgr_metrics_listen = nowhere',
      `file ${directory}/main.cf: parameter tlsmgr_metrics_listen: bad parameter value: nowhere: tlsmgr_metrics_listen takes host:port, [address]:port or an absolute path, or nothing; its default is used: empty`,
      (config) => config.metricsListen,
      undefined,
    ],
    [
      'smtp_tls_session_cache_size_limit = ${x',
      `file ${directory}/main.cf: parameter smtp_tls_session_cache_size_limit: macro processing error: truncated macro reference: "\${x": smtp_tls_session_cache_size_limit takes a whole number of at least 0; its default is used: 268435456`,
      (config) => config.caches.get('smtp')!.sizeLimitBytes,
      268_435_456,
    ],
  ];
  for (const [line, text, ask, expected] of cases) {
    const name = line.split(' ', 1)[0]!;

    test(`${line}: the default is used, under master(8)`, () => {
      const { config } = load([line], { mode: 'daemon' });
      assert.equal(ask(config), expected);
      assert.deepEqual(
        config.faults.map((fault) => [fault.name, fault.text]),
        [[name, text]],
      );
      assert.equal(config.text.has(name), true);
    });

    test(`${line}: refused standalone, where a person sees it`, () => {
      assert.throws(() => load([line], { mode: 'standalone' }), FatalError);
    });
  }

  test('every other parameter is refused as Postfix does', () => {
    for (const mode of ['daemon', 'standalone', 'print'] as const) {
      assert.throws(() => load(['tls_random_bytes = x'], { mode }), FatalError);
    }
  });
});
