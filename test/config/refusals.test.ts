/** The same mistakes in main.cf, made to Postfix's tlsmgr and to ours. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { DatagramCollector } from '../log/collector.ts';
import { askCDaemon, askOurs, noCDaemon, type Said } from './c-daemon.ts';
import { optionCases, refused, refusedByTheirsAlone } from './mistakes.ts';
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

  for (const lines of refusedByTheirsAlone) {
    test(`${JSON.stringify(lines)} is refused by Postfix's alone`, async () => {
      writeMainCf(directory, [...base, lines, ''].join('\n'));
      assert.notEqual((await askCDaemon(directory)).fatal, undefined);
      assert.equal(askOurs(directory).fatal, undefined);
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

describe("lines of main.cf, beside Postfix's tlsmgr", { skip: noCDaemon }, () => {
  const folder = scratchDirectory();
  const socket = join(folder, 'log');
  const lineBase = base.map((line) => line.replaceAll(directory, folder));
  let collector: DatagramCollector;

  before(() => {
    mkdirSync(join(folder, 'data'));
    mkdirSync(join(folder, 'queue'));
    collector = new DatagramCollector(socket);
  });

  after(() => collector.close());

  /** What goes to the log before the options count, and so never to -V's standard error. */
  async function early(): Promise<string[]> {
    const child = spawn('/usr/lib/postfix/sbin/tlsmgr', ['-d', '-S'], {
      env: { MAIL_CONFIG: folder, POSTLOG_SERVICE: socket, POSTLOG_HOSTNAME: 'h' },
      stdio: 'ignore',
    });
    const texts: string[] = [];
    const gather = (): void => {
      for (const datagram of collector.all()) {
        texts.push(datagram.replace(/^.*?\]: /u, ''));
      }
    };
    while (child.exitCode === null && child.signalCode === null) {
      await pause(5);
      gather();
      if (texts.some((text) => text.startsWith('fatal: '))) {
        // All is said; what is left is a second of sleep.
        child.kill('SIGKILL');
      }
    }
    gather();
    return texts.filter((text) => text.startsWith('fatal: ') || text.startsWith('warning: '));
  }

  async function bothSay(expected: readonly string[]): Promise<void> {
    const { warnings, fatal } = askOurs(folder);
    const ours = warnings.map((text) => `warning: ${text}`);
    if (fatal !== undefined) {
      ours.push(`fatal: ${fatal}`);
    }
    assert.deepEqual(ours, expected);
    const theirs = await early();
    assert.deepEqual(
      theirs.filter((text) => !text.includes('cannot examine read buffer')),
      // Intended: Postfix warns of a NUL from 3.9 on.
      expected.filter((text) => !text.includes('text after null byte')),
    );
  }

  const first = lineBase.length + 1;
  const cf = `${folder}/main.cf`;
  const blank = 'logical line must not start with whitespace';
  const noEquals = "missing '=' after attribute name";
  /** Behind the common lines, or before them when it starts with a blank. */
  const cases: [content: string, ...said: string[]][] = [
    ['foo', `fatal: ${cf}, line ${first}: ${noEquals}: "foo"`],
    ['foo bar = 1', `fatal: ${cf}, line ${first}: ${noEquals}: "foo bar = 1"`],
    ['= x', `fatal: ${cf}, line ${first}: missing attribute name: "= x"`],
    ['a\n # c\n\n b', `fatal: ${cf}, line ${first}: ${noEquals}: "a b"`],
    ['# c\n\nbar', `fatal: ${cf}, line ${first + 2}: ${noEquals}: "bar"`],
    ['a = 1\na = 1'],
    ['a = 1\na = 2', `warning: ${cf}, line ${first + 1}: overriding earlier entry: a=1`],
    ['a = 1\na = $', `warning: ${cf}, line ${first + 1}: overriding earlier entry: a=1`],
    [
      'config_directory = /x',
      `warning: ${cf}, line ${first}: overriding earlier entry: config_directory=${folder}`,
    ],
    [
      'process_name = x',
      `warning: ${cf}, line ${first}: overriding earlier entry: process_name=tlsmgr`,
    ],
    ['  foo = bar', `warning: ${cf}: ${blank}: "  foo = bar"`],
    [
      `  ${'long '.repeat(8)}= x\nfoo`,
      `warning: ${cf}: ${blank}: "  long long long long long lon..."`,
      `fatal: ${cf}, line 2: ${noEquals}: "foo"`,
    ],
    [
      'x\0y = z',
      `warning: ${cf}, line ${first}: text after null byte may be ignored`,
      `fatal: ${cf}, line ${first}: ${noEquals}: "x"`,
    ],
    [
      'max_use = 1\nmax_use = x',
      `warning: ${cf}, line ${first + 1}: overriding earlier entry: max_use=1`,
      'fatal: bad numerical configuration: max_use = x',
    ],
  ];

  for (const [content, ...said] of cases) {
    test(JSON.stringify(content), async () => {
      const lines = content.startsWith(' ') ? [content, ...lineBase] : [...lineBase, content];
      writeMainCf(folder, [...lines, ''].join('\n'));
      await bothSay(said);
    });
  }

  test('no main.cf, or a directory in its place', async () => {
    rmSync(cf);
    await bothSay([`fatal: open ${cf}: No such file or directory`]);
    mkdirSync(cf);
    // Ours names every failure after the same step.
    assert.deepEqual(await early(), [`fatal: read ${cf}: Is a directory`]);
    assert.equal(askOurs(folder).fatal, `open ${cf}: Is a directory`);
    rmSync(cf, { recursive: true });
  });
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
