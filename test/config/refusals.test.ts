/** The same mistakes in main.cf, made to Postfix's tlsmgr and to ours. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { askCDaemon, askOurs, noCDaemon } from './c-daemon.ts';
import { scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();

const base = [
  `data_directory = ${directory}/data`,
  `queue_directory = ${directory}/queue`,
  'tls_random_exchange_name =',
];

/** Lines of main.cf that both refuse with the same words. */
const refused: string[] = [
  'compatibility_level =',
  'compatibility_level = 3.1024',
  'compatibility_level = -1',
  'syslog_facility = x',
  'syslog_facility = security',
  'syslog_facility = MAIL',
  'syslog_facility =',
  'inet_protocols = x',
  'inet_protocols = IPv4',
  'inet_protocols = ipv4, y',
  'maillog_file_prefixes =',
  'maillog_file_compressor =',
  'postlog_service_name =',
  'smtputf8_enable = 1',
  'smtputf8_enable =',
  'myhostname = a b',
  'myhostname = a..b',
  'myhostname = .a',
  'myhostname = a.',
  'myhostname = -a',
  'myhostname = a-.b',
  'myhostname = 1.2',
  'myhostname =',
  `myhostname = ${'a'.repeat(64)}`,
  `myhostname = ${'a.'.repeat(140)}b`,
  'mydomain = x y',
  'mail_name =',
  'syslog_name =',
  'daemon_directory =',
  'default_database_type =',
  'max_use = 0',
  'max_use = 1.5',
  'debug_peer_level = 0x20',
  'multi_instance_enable = true',
  'max_idle = 1y',
  'ipc_timeout = 0',
  'ipc_timeout = 35791394m',
  'ipc_timeout = 596523h',
  'ipc_idle = 24855d',
  'ipc_ttl = 3550w',
  'daemon_timeout = 2147483648',
  'daemon_timeout = -5',
  'default_privs = nosuchuser',
  'default_privs = root',
  'default_privs = 65534',
  'default_privs = postfix',
  'mail_owner = nosuchuser',
  'mail_owner = root',
  'mail_owner =',
  'mail_owner = nobody',
  'setgid_group = nosuchgroup',
  'setgid_group = root',
  'setgid_group = postfix',
  'setgid_group = nogroup',
  'maillog_file = /x',
  'maillog_file = var/log',
  'tls_random_reseed_period = 0',
  'tls_random_prng_update_period =',
  'smtpd_tls_session_cache_timeout = 8640001',
  'smtpd_tls_session_cache_timeout = 101d',
  'smtp_tls_session_cache_timeout = 1S',
  'lmtp_tls_session_cache_timeout = 1 h',
  'smtpd_tls_session_cache_timeout = 1.5h',
  'smtpd_tls_session_cache_timeout = 0x10',
  'tls_random_bytes = 12x',
  'tls_random_bytes =',
  'tls_random_bytes = 0',
  'tls_random_bytes = 1e3',
  'tls_random_bytes = 3 2',
  'tls_random_bytes = 2147483648',
  'tls_random_source = $',
  'tls_random_source = ${foo',
  'tls_random_source = ${$x}',
  'tls_random_source = ${{x} <level {3.9}?{y}}',
  'tls_random_source = $loop\nloop = $again\nagain = $loop',
];

/** Taken by both. */
const taken: string[] = [
  'compatibility_level = 3.6',
  'inet_protocols =',
  'inet_protocols = ipv4, ipv6',
  'syslog_facility = local7',
  'smtputf8_enable = YES',
  'myhostname = a_b.example',
  'maillog_file =',
  'max_use = +40',
  'max_use = 010',
  'ipc_timeout = 35791393m',
  'ipc_timeout = 2147483647s',
  'ipc_ttl = 3549w',
  'smtpd_tls_session_cache_timeout = 0',
  'smtpd_tls_session_cache_timeout = 100d',
  'unknown = ${broken',
  'process_name = x',
];

async function both(lines: readonly string[], args?: readonly string[]): Promise<void> {
  writeMainCf(directory, [...base, ...lines, ''].join('\n'));
  const c = await askCDaemon(directory, args);
  const ours = askOurs(directory, args);
  if (c.fatal === 'dictionary mail_dict: macro processing error') {
    // Intended: one error that says what, and in which parameter.
    const what = c.warnings.join('\n');
    const pattern = /^file \S+\/main\.cf: parameter (\w+): macro processing error: ([^]*)$/u;
    assert.match(ours.fatal ?? '', pattern);
    const [, name, text] = pattern.exec(ours.fatal!)!;
    assert.equal(text, what);
    assert.ok(readFileSync(join(directory, 'main.cf'), 'utf8').includes(`${name} = `));
    return;
  }
  assert.equal(ours.fatal, c.fatal);
  if (c.fatal !== undefined) {
    // Faults of lines are logged before -V counts.
    const late = ours.warnings.filter((text) => !text.includes('overriding earlier entry'));
    assert.deepEqual(late, c.warnings);
  }
}

describe("refusals, beside Postfix's tlsmgr", { skip: noCDaemon }, () => {
  before(() => {
    mkdirSync(join(directory, 'data'));
    mkdirSync(join(directory, 'queue'));
    chownSync(join(directory, 'data'), 65_534, 65_534);
  });

  for (const lines of refused) {
    test(`${JSON.stringify(lines)} is refused`, async () => {
      await both([lines]);
      assert.notEqual(askOurs(directory).fatal, undefined);
    });
  }

  for (const lines of taken) {
    test(`${JSON.stringify(lines)} is taken`, async () => {
      await both([lines]);
      assert.equal(askOurs(directory).fatal, undefined);
    });
  }

  test('of two mistakes both find the same first', async () => {
    for (const [index, lines] of refused.entries()) {
      for (const distance of [1, 11, 29]) {
        const other = refused[(index + distance) % refused.length]!;
        if (!lines.includes('$') && !other.includes('$')) {
          await both([lines, other]);
        }
      }
    }
  });

  test('the same user under two names', async () => {
    await both(['default_privs = nobody', 'mail_owner = postfix', 'setgid_group = mail']);
    await both(['default_privs = daemon', 'mail_owner = daemon']);
    await both(['default_privs = www-data', 'setgid_group = www-data']);
  });

  const optionCases: string[][] = [
    ['-o', 'x'],
    ['-o', '=x'],
    ['-o', ''],
    ['-o', ' = x'],
    ['-o', 'a b'],
    ['-otls_random_bytes=12x'],
    ['-o', 'tls_random_bytes = 0', '-o', 'tls_random_bytes = 3'],
    ['-o', 'max_idle=1y', '-i', '5'],
    ['-i', '5', '-o', 'max_idle=1y'],
    ['-i', 'x'],
    ['-i', ''],
    ['-m', 'x'],
    ['-m0'],
    ['-s', '0'],
    ['-s', '-1'],
    ['-s', 'x'],
    ['-s', '3x'],
    ['-lus2'],
    ['-x'],
    ['-lx'],
    ['--help'],
    ['--'],
    ['-o'],
    ['-n'],
    ['-t'],
    ['-s'],
    ['-:'],
    ['-n', 'foo', '-o', 'syslog_name=$service_name', '-o', 'tls_random_bytes=$service_name'],
    ['-o', 'service_name=x', '-o', 'tls_random_bytes=$service_name'],
    ['-o', 'unknown=$', '-o', 'b=1'],
    ['-o', 'tls_random_bytes=$b', '-o', 'b=1'],
    ['-o', 'tls_random_bytes=\n 40\t'],
    ['-cvvvzV', '-t', 'fifo'],
    ['-x', '-s', '0'],
    ['-s', '0', '-x'],
  ];
  for (const args of optionCases) {
    test(`options ${JSON.stringify(args)}`, () => both([], ['-d', '-S', ...args]));
  }
});

describe('where ours differs on purpose', () => {
  const said = (...lines: string[]): ReturnType<typeof askOurs> => {
    writeMainCf(directory, [...lines, ''].join('\n'));
    return askOurs(directory);
  };
  const skip = noCDaemon;

  test('a time without a number is refused', { skip }, () => {
    for (const value of ['soon', 'hello', 'w', 'd']) {
      assert.deepEqual(said(`smtpd_tls_session_cache_timeout = ${value}`), {
        warnings: [],
        fatal: `parameter smtpd_tls_session_cache_timeout: bad time value or unit: ${value}`,
      });
    }
  });

  test('text after a unit is warned of, once', { skip }, () => {
    assert.deepEqual(said('daemon_timeout = 1h30m'), {
      warnings: ['parameter daemon_timeout: ignoring "30m" after the unit in time value: 1h30m'],
      fatal: undefined,
    });
  });
});
