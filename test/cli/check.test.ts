import assert from 'node:assert/strict';
import { chownSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runVerb } from '../../src/cli/verbs.ts';
import { noCDaemon } from '../config/c-daemon.ts';

const skip = noCDaemon;

describe('tlsmgr check', { skip }, () => {
  const directory = mkdtempSync('/tmp/tlsmgr-check-');
  const data = join(directory, 'data');
  mkdirSync(join(directory, 'queue'));
  mkdirSync(data);
  after(() => rmSync(directory, { recursive: true }));

  const base = [
    `data_directory = ${data}`,
    `queue_directory = ${directory}/queue`,
    'maillog_file = /var/log/x',
    // Whoever runs the tests owns the files: a user that is not root.
    'mail_owner = nobody',
    'default_privs = daemon',
    'setgid_group = mail',
  ];

  const check = async (...lines: string[]) => {
    const path = join(directory, 'main.cf');
    const named = new Set(lines.map((line) => line.split(' ')[0]));
    const rest = base.filter((line) => !named.has(line.split(' ')[0]));
    writeFileSync(path, [...rest, ...lines, ''].join('\n'));
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(path, longAgo, longAgo);
    let out = '';
    let err = '';
    const status = await runVerb('check', ['-c', directory], {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      environment: {},
    });
    return { status, out: out.replaceAll(directory, 'DIR'), err: err.replaceAll(directory, 'DIR') };
  };

  test('finds nothing where there is nothing', async () => {
    chownSync(data, 65_534, 65_534);
    assert.deepEqual(await check('smtpd_tls_session_cache_database = btree:$data_directory/x'), {
      status: 0,
      out: 'nothing to find fault with\n',
      err: '',
    });
  });

  test('tells each fault with its remedy', async () => {
    chownSync(data, 65_534, 65_534);
    const table: [string[], number, RegExp][] = [
      [['queue_directory = /nonexistent'], 1, /^error: queue_directory .*\n +mkdir /u],
      [['data_directory = /nonexistent'], 1, /^error: data_directory .*\n +install -d -o nobody /u],
      [['data_directory = /etc'], 1, /^error: data_directory .*\n +chown nobody \/etc\n/u],
      [
        ['smtp_tls_session_cache_database = nosuch:/x'],
        1,
        /^error: smtp_tls_session_cache_database .*unsupported dictionary type: nosuch: this cache is off\n +postconf /u,
      ],
      [
        ['smtp_tls_session_cache_database = btree:/nonexistent/x'],
        1,
        /^error: .*no directory \/nonexistent: this cache is off/u,
      ],
      [
        ['smtp_tls_session_cache_database = btree:/etc/x'],
        0,
        /^warning: .*\/etc doesn't belong to mail_owner/u,
      ],
      [
        [
          'smtp_tls_session_cache_database = btree:$data_directory/x',
          'lmtp_tls_session_cache_database = hash:$data_directory/x',
        ],
        1,
        /^error: do not use the same TLS cache file .* for smtp and lmtp/u,
      ],
      [['tls_random_source ='], 0, /^warning: tls_random_source is empty/u],
      [['tls_random_source = dev:/nonexistent'], 0, /^warning: tls_random_source = dev:/u],
      [['daemon_timeout = 1h30m'], 0, /^warning: parameter daemon_timeout: ignoring "30m"/u],
    ];
    for (const [lines, status, pattern] of table) {
      const found = await check(...lines);
      assert.match(found.out, pattern, lines.join('; '));
      assert.match(found.out, /\n1 found\n$/u, lines.join('; '));
      assert.deepEqual([found.status, found.err], [status, ''], lines.join('; '));
    }
  });

  test("says a fault of main.cf in the daemon's words, and no stack trace", async () => {
    const table: [string, string][] = [
      ['tls_random_bytes = 12x', 'bad numerical configuration: tls_random_bytes = 12x'],
      [
        'mail_owner = nosuchuser',
        'file DIR/main.cf: parameter mail_owner: unknown user name value: nosuchuser',
      ],
      ['no equals', 'DIR/main.cf, line 7: missing \'=\' after attribute name: "no equals"'],
    ];
    for (const [line, text] of table) {
      assert.deepEqual(await check(line), { status: 1, out: '', err: `tlsmgr: fatal: ${text}\n` });
    }
    assert.equal(userInfo().uid, 0);
  });
});
