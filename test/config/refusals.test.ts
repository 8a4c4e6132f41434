/** The same mistakes in main.cf, made to Postfix's tlsmgr and to ours. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { askCDaemon, askOurs, noCDaemon, type Said } from './c-daemon.ts';
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

/** Mounts the two files over those of the host, for one program and its children. */
const inNamespace = [
  '-m',
  'sh',
  '-c',
  'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"',
  'sh',
];

function whyNoNamespace(): string | false {
  if (noCDaemon !== false) {
    return noCDaemon;
  }
  const files = ['/etc/passwd', '/etc/group'];
  return spawnSync('unshare', [...inNamespace, ...files, 'true']).status === 0
    ? false
    : 'no mount namespace of its own: no accounts to be odd';
}

describe("accounts, beside Postfix's tlsmgr", { skip: whyNoNamespace() }, () => {
  const field = (path: string, name: string, index: number): string =>
    readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([first]) => first === name)![index]!;

  /** With the text that both end with; undefined: both start. */
  const cases: [lines: string[], fatal: RegExp | undefined][] = [
    [[], undefined],
    [['default_privs = toor'], /default_privs: user toor has privileged user ID$/u],
    [['default_privs = wheel'], /default_privs: user wheel has privileged group ID$/u],
    [['mail_owner = toor'], /mail_owner: user toor has privileged user ID$/u],
    [['mail_owner = wheel'], /mail_owner: user wheel has privileged group ID$/u],
    [['mail_owner = twin'], /mail_owner: user twin has same user ID as postfix$/u],
    [['setgid_group = zero'], /setgid_group: group zero has privileged group ID$/u],
    [['setgid_group = twins'], /setgid_group: group twins has same group ID as postdrop$/u],
    [['default_privs = twin'], /users twin and postfix have the same user ID: \d+$/u],
    [['default_privs = mate'], /users mate and postfix have the same group ID: \d+$/u],
    [['default_privs = drop'], /default_privs and setgid_group: user drop and group postdrop /u],
    [['mail_owner = dropper'], /mail_owner and setgid_group: user dropper and group postdrop /u],
    [['mail_owner = letters'], /mail_owner: unknown user name value: letters$/u],
    [['mail_owner = short'], /mail_owner: unknown user name value: short$/u],
    [['mail_owner = #4300'], /mail_owner: unknown user name value: #4300$/u],
    [['mail_owner = nouid'], /mail_owner: unknown user name value: nouid$/u],
    [['default_privs = zeros'], /default_privs: user zeros has privileged user ID$/u],
    [['mail_owner = eight'], undefined],
    [['mail_owner = eighttwin'], /mail_owner: user eighttwin has same user ID as eight$/u],
    [['mail_owner = indented'], undefined],
    [['setgid_group = gletters'], /setgid_group: unknown group name: gletters$/u],
    [['setgid_group = gshort'], /setgid_group: unknown group name: gshort$/u],
    [['setgid_group = gindented'], undefined],
  ];

  test('that no host should have', () => {
    mkdirSync(join(directory, 'data'), { recursive: true });
    mkdirSync(join(directory, 'queue'), { recursive: true });
    const uid = field('/etc/passwd', 'postfix', 2);
    const gid = field('/etc/passwd', 'postfix', 3);
    const dropGid = field('/etc/group', 'postdrop', 2);
    const passwd = join(directory, 'passwd');
    writeFileSync(
      passwd,
      [
        readFileSync('/etc/passwd', 'utf8').trimEnd(),
        ...[
          'toor:x:0:4300',
          'wheel:x:4301:0',
          `twin:x:${uid}:4302`,
          `mate:x:4303:${gid}`,
          `drop:x:4304:${dropGid}`,
          `dropper:x:4305:${dropGid}`,
          'letters:x:abc:4306',
          'nouid:x::4307',
          'zeros:x:00:4308',
          'eight:x:04309:4309',
          'eighttwin:x:4309:4310',
          ' \tindented:x:4311:4311',
          '#4300:x:4312:4312',
        ].map((entry) => `${entry}::/:/bin/false`),
        'short:x:4313',
        '',
      ].join('\n'),
    );
    const group = join(directory, 'group');
    writeFileSync(
      group,
      [
        readFileSync('/etc/group', 'utf8').trimEnd(),
        'zero:x:0:',
        `twins:x:${dropGid}:`,
        'gletters:x:abc:',
        'gshort:x',
        '  gindented:x:4314:',
        '',
      ].join('\n'),
    );
    const lines = JSON.stringify(cases.map(([tried]) => tried));
    const child = join(import.meta.dirname, 'odd-accounts.ts');
    const { stdout, stderr } = spawnSync(
      'unshare',
      [
        ...inNamespace,
        passwd,
        group,
        process.execPath,
        ...process.execArgv.filter((arg) => !arg.startsWith('--test')),
        child,
        directory,
        JSON.stringify(base),
        lines,
      ],
      { encoding: 'utf8' },
    );
    assert.notEqual(stdout, '', stderr);
    const answers = JSON.parse(stdout) as { c: Said; ours: Said }[];
    const differing = cases.flatMap(([tried, fatal], index) => {
      const { c, ours } = answers[index]!;
      const expected =
        fatal === undefined ? c.fatal === undefined : c.fatal !== undefined && fatal.test(c.fatal);
      return expected && ours.fatal === c.fatal ? [] : [{ tried, c: c.fatal, ours: ours.fatal }];
    });
    assert.deepEqual(differing, []);
  });
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
