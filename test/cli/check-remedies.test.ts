/** Faults outside tlsmgr's own parameters, and remedies that can be copied into a shell. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, readFileSync, utimesSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { configFinding, postfixFaults } from '../../src/cli/findings/config-fault.ts';
import type { Finding } from '../../src/cli/findings/finding.ts';
import { shellWord } from '../../src/cli/findings/shell-word.ts';
import { noCDaemon } from '../config/c-daemon.ts';
import { writeMainCf } from '../postfix/main-cf.ts';
import { CheckSetUp, usualLine } from './check-set-up.ts';
import { runHere } from './fake-server.ts';
import { requirePasteable } from './pasteable.ts';

const kinds = (found: readonly Finding[]): string[] =>
  found.map(({ severity, name }) => `${severity} ${name}`);

describe("what Postfix's programs end with", { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;
  before(() => {
    setUp = new CheckSetUp();
  });
  after(() => setUp.remove());

  test('a fault outside our parameters is one error, and its remedy mends it', async () => {
    const found = await setUp.findings({ message_size_limit: '50MB' });
    assert.deepEqual(kinds(found), ['error postfix-fault']);
    const { text, remedy } = found[0]!;
    assert.match(
      text,
      /^Postfix's programs end with: bad numerical configuration: message_size_limit = 50MB: none of them starts/u,
    );
    const shown =
      /^(postconf )(message_size_limit=52428800); postfix stop; postfix start {2}# in bytes/u;
    assert.match(remedy, shown);
    const command = remedy.split(';')[0]!.replace('postconf', `postconf -c ${setUp.directory}`);
    execFileSync('/bin/sh', ['-c', command]);
    // Everybody waits for a main.cf that has just changed.
    utimesSync(setUp.path('main.cf'), 0, 0);
    assert.equal((await setUp.checkAgain()).status, 0);
  });

  test('where postconf itself ends, its words are the finding', async () => {
    const found = await setUp.findings({ inet_interfaces: '192.0.2.77' });
    assert.deepEqual(kinds(found), ['error postfix-fault', 'note only-main-cf']);
    assert.match(
      found[0]!.text,
      /end with: parameter inet_interfaces: no local interface found for 192\.0\.2\.77: none/u,
    );
    assert.match(
      found[0]!.remedy,
      /^postconf inet_interfaces=loopback-only; postfix stop; postfix start {2}# /u,
    );
    assert.match(found[1]!.text, /^postconf itself ends with an error/u);
    assert.match(found[1]!.remedy, /^# correct it/u);
  });

  test('of master.cf too', async () => {
    setUp.writeMasterCf('tlsmgr unix');
    const found = await setUp.findings();
    setUp.writeMasterCf(usualLine);
    assert.deepEqual(kinds(found), ['error postfix-fault', 'note only-main-cf']);
    assert.match(found[0]!.text, /end with: file DIR\/master\.cf: line 1: bad field count/u);
    assert.equal(
      found[0]!.remedy,
      'sed -n 1p DIR/master.cf  # the line to correct, then postfix stop; postfix start',
    );
  });

  test('a parameter that is set twice has the command that shows both lines', async () => {
    writeMainCf(setUp.path('main.cf'), { max_use: '1' });
    appendFileSync(setUp.path('main.cf'), 'max_use = 2\n');
    const found = await setUp.checkAgain();
    assert.match(found.out, /main\.cf, line \d+: overriding earlier entry: max_use=1\n/u);
    const [command] = /grep -n '\^max_use\\b' \S+/u.exec(found.out)!;
    const pasted = command.replace('DIR', () => setUp.directory);
    const shown = spawnSync('bash', ['-c', pasted], { encoding: 'utf8' }).stdout;
    assert.match(shown, /^\d+:max_use = 1\n\d+:max_use = 2\n$/u);
  });

  test('invisible characters are shown, by check and by config', async () => {
    writeMainCf(setUp.path('main.cf'), {
      '\ufeffcompatibility_level': '3.6',
      tls_random_bytes: '\u00a033',
    });
    const said = 'fatal: bad numerical configuration: tls_random_bytes = \\u00a033';
    const { status, out, err } = await runHere('config', '-c', setUp.directory, 'tls_random_bytes');
    assert.deepEqual([status, out], [1, 'tls_random_bytes = \\u00a033  # main.cf\n']);
    assert.equal(
      err,
      `tlsmgr: warning: ${setUp.directory}/main.cf: unused parameter: \\ufeffcompatibility_level=3.6\ntlsmgr: ${said}\n`,
    );
    const found = await setUp.check({ tls_random_bytes: '\u00a033' });
    assert.match(
      found.out,
      /^error: bad numerical configuration: tls_random_bytes = \\u00a033: /mu,
    );
    const carriage = await setUp.check({ tls_random_bytes: '32\r33' });
    assert.match(carriage.out, /tls_random_bytes = 32\\u000d33: /u);
  });
});

describe('a fault is told once', () => {
  const settings = new Map([
    ['myorigin', '/etc/mailname'],
    ['message_size_limit', '1g'],
    ['mydestination', '/etc/destinations'],
  ]);
  const mainCf = { directory: '/etc/postfix', settings };
  const cases: [string, string | undefined, string | undefined][] = [
    [
      'bad numerical configuration: max_use = x',
      'bad numerical configuration: max_use = x',
      undefined,
    ],
    ['/x/main.cf, line 3: missing', '/x/main.cf, line 3: missing', '/x/main.cf, line 3: missing'],
    [
      'malformed compatibility level syntax: "3\r6"',
      'malformed compatibility level syntax: "3?6"',
      'malformed compatibility level syntax: "3?6"; macro processing error',
    ],
    [
      'file /x/main.cf: parameter tls_random_source: macro processing error: truncated macro reference: "${foo"',
      undefined,
      'truncated macro reference: "${foo"; macro processing error',
    ],
  ];
  for (const [ours, postmap, postconf] of cases) {
    test(ours, () => {
      const findings = [configFinding('fault', ours, mainCf)];
      assert.deepEqual(postfixFaults(postmap, postconf, { mainCf, findings }), []);
      const known = { mainCf, findings: [] };
      const alone = postfixFaults(postmap, postconf, known);
      assert.equal(alone.length, 1);
      const others = postfixFaults('another', postconf, { mainCf, findings });
      assert.deepEqual(kinds(others), ['error postfix-fault']);
    });
  }

  test('each with what mends it', () => {
    const remedies: [string, string][] = [
      [
        '/etc/mailname: cannot open file: No such file or directory',
        'hostname --fqdn > /etc/mailname; postfix stop; postfix start  # or the domain that mail from here is to have',
      ],
      [
        'open /etc/destinations: No such file or directory',
        'ls -l /etc/destinations  # main.cf names it in mydestination: put it there, or correct that, then postfix stop; postfix start',
      ],
      [
        'bad numerical configuration: message_size_limit = 1g',
        'postconf message_size_limit=1073741824; postfix stop; postfix start  # in bytes, without a unit',
      ],
      ['something else', '# correct what it names in main.cf, then postfix stop; postfix start'],
    ];
    for (const [said, remedy] of remedies) {
      const [fault] = postfixFaults(said, undefined, { mainCf, findings: [] });
      assert.equal(fault!.remedy, remedy);
      requirePasteable(fault!.remedy);
    }
    assert.match(
      configFinding('fault', 'malformed compatibility level syntax: "x tls_random_bytes"', mainCf)
        .remedy,
      /^postconf -d compatibility_level {2}# the default: correct it in main\.cf/u,
    );
  });
});

describe('one finding for one cause', { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;
  before(() => {
    setUp = new CheckSetUp();
  });
  after(() => setUp.remove());

  test('a data_directory that is not there', async () => {
    for (const directory of ['/nonexistent', '/nonexistent/']) {
      const found = await setUp.findings({
        data_directory: directory,
        smtpd_tls_session_cache_database: 'btree:$data_directory/smtpd_scache',
        smtp_tls_session_cache_database: 'btree:$data_directory/smtp_scache',
        lmtp_tls_session_cache_database: 'btree:$data_directory/sub/lmtp_scache',
      });
      assert.deepEqual(kinds(found), ['error data-directory-missing']);
    }
  });

  test('no directory is made of what is no path', async () => {
    for (const value of [
      'btree:/nonexistent/a, btree:/nonexistent/b',
      'btree:A/a, btree:B/b',
      'btree:${X:-/y}',
      'btree:nonexistent/a',
    ]) {
      const found = await setUp.findings({ smtp_tls_session_cache_database: value });
      assert.deepEqual(kinds(found), ['error cache-directory-missing'], value);
      const usual = "postconf 'smtp_tls_session_cache_database=btree:$data_directory/smtp_scache'";
      assert.equal(found[0]!.remedy, `${usual}; postfix reload`);
    }
  });

  test('no remedy sets what is set already', async () => {
    const shared = 'btree:$data_directory/smtp_scache';
    const [meeting] = await setUp.findings({
      smtpd_tls_session_cache_database: shared,
      smtp_tls_session_cache_database: shared,
    });
    assert.match(meeting!.remedy, /^postconf 'smtpd_tls_session_cache_database=btree/u);
    // findings() looks at the remedies itself.
    const exchange = { tls_random_exchange_name: '$data_directory/prng_exch' };
    await setUp.findings({ ...exchange, data_directory: '/etc' });
    await setUp.findings({ ...exchange, data_directory: '/nonexistent' });
  });
});

describe("a remedy for a path with a blank, quotes and a '$'", { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;
  before(() => {
    setUp = new CheckSetUp(`/tmp/tlsmgr it's "$HOME"; (1)\u200b-`);
  });
  after(() => setUp.remove());

  const check = async (): Promise<Finding[]> => {
    const { out } = await runHere('check', '--json', '-c', setUp.directory);
    const found = JSON.parse(out) as Finding[];
    return found.filter(({ severity }) => severity !== 'note');
  };

  test('does what it says', async () => {
    const key = setUp.path('data/key').replaceAll('$', '$$$$');
    // Writes main.cf, with names that a $ can stand in.
    await setUp.check({
      data_directory: setUp.path('data').replaceAll('$', '$$$$'),
      queue_directory: setUp.path('queue').replaceAll('$', '$$$$'),
      daemon_directory: setUp.path('sbin').replaceAll('$', '$$$$'),
      smtp_tls_session_cache_database: 'btree:$data_directory/smtp_scache',
      lmtp_tls_session_cache_database: `btree:$queue_directory/new/lmtp_scache`,
      tlsmgr_session_cache_persistent: 'yes',
      tlsmgr_session_cache_key_file: key,
    });
    chmodSync(setUp.path('data'), 0o777);
    setUp.writeData('smtp_scache.tlsmgr', '', { owner: 0 });
    setUp.writeData('prng_exch', 'x', { mode: 0o644 });
    const found = await check();
    const names = [
      'error cache-directory-missing',
      'error cache-file-owner',
      'error key-file-unusable',
      'warning data-directory-open',
      'warning exchange-file-open',
    ];
    assert.deepEqual(kinds(found).toSorted(), names);
    for (const { remedy } of found) {
      // Postfix doesn't run.
      const commands = remedy.replace(/(?:;| &&) postfix .*$/u, '');
      execFileSync('bash', ['-ec', commands], { stdio: 'ignore' });
    }
    assert.deepEqual(await check(), []);
    assert.match(readFileSync(setUp.path('data/key'), 'latin1'), /^[0-9a-f]{64}\n$/u);
  });
});

test('a word of a shell is read back as it was', () => {
  const odd = fc.string({ unit: fc.constantFrom(...Array.from('\'"\\$`!* \t\n-~=a#')) });
  const texts = fc.array(fc.oneof(fc.string({ unit: 'binary' }), odd), { minLength: 1 });
  fc.assert(
    fc.property(texts, (asked) => {
      const wanted = asked.map((text) => Buffer.from(text.replaceAll('\0', '')).toString());
      const script = `printf '%s\\0' ${wanted.map((text) => shellWord(text)).join(' ')}`;
      const read = execFileSync('bash', ['-c', script], { encoding: 'utf8' });
      assert.deepEqual(read.split('\0').slice(0, -1), wanted);
    }),
    { numRuns: 15 },
  );
});
