/** The same mistakes in main.cf, made to Postfix's tlsmgr and to ours. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { askCDaemon, askOurs, noCDaemon } from './c-daemon.ts';
import { optionCases, refused } from './mistakes.ts';
import { scratchDirectory, writeMainCf } from './scratch.ts';

const directory = scratchDirectory();

const base = [
  `data_directory = ${directory}/data`,
  `queue_directory = ${directory}/queue`,
  'tls_random_exchange_name =',
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
