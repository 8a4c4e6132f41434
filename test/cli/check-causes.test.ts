/** Each cause once, where it is, and a remedy that does no harm. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import type { Finding } from '../../src/cli/findings/finding.ts';
import { runningFindings } from '../../src/cli/check/running.ts';
import type { Problem } from '../../src/report/report.ts';
import { noCDaemon } from '../config/c-daemon.ts';
import { writeMainCf } from '../postfix/main-cf.ts';
import { CheckSetUp, nobody, usualLine } from './check-set-up.ts';
import { announcement, type Attributes, FakeServer, listText } from './fake-server.ts';
import { requirePasteable } from './pasteable.ts';
import { sampleReport } from './sample-report.ts';

const kinds = (found: readonly Finding[]): string[] =>
  found.map(({ severity, name }) => `${severity} ${name}`);

describe('the running daemon', () => {
  let queue: string;
  let fake: FakeServer;
  let problems: Problem[];
  beforeEach(async () => {
    queue = mkdtempSync('/tmp/tlsmgr-causes-');
    mkdirSync(join(queue, 'private'));
    mkdirSync(join(queue, 'pid'));
    problems = [];
    const policy: Attributes = [
      ['status', '0'],
      ['cachable', '1'],
      ['timeout', '3600'],
    ];
    const seed: Attributes = [
      ['status', '0'],
      ['seed', 'AAAA'],
    ];
    const reply = (request: string): Attributes | undefined => {
      const report = JSON.stringify({ ...sampleReport(), problems });
      return { policy, seed, stats: [['status', '0'] as const, ['report', report] as const] }[
        request
      ];
    };
    fake = await FakeServer.start(join(queue, 'private/tlsmgr'), {
      greeting: listText(announcement),
      reply,
    });
  });
  afterEach(async () => {
    await fake.stop();
    rmSync(queue, { recursive: true });
  });

  const findings = async (known: readonly Finding[], ours = true): Promise<Finding[]> => {
    const socketPath = join(queue, 'private/tlsmgr');
    const found = await runningFindings({ socketPath, announcement: true, ours }, undefined, known);
    for (const { remedy } of found) {
      requirePasteable(remedy);
    }
    return found.filter(({ name }) => name !== 'other-version');
  };

  test('a full disk asks for room, and for no reload', async () => {
    problems = [
      {
        severity: 'warning',
        name: 'cache-in-memory',
        text: "smtpd cache is in memory only: its file can't be written (smtpd_tls_session_cache_database)",
      },
      {
        severity: 'warning',
        name: 'exchange-failing',
        text: "exchange file x can't be written (tls_random_exchange_name)",
      },
    ];
    const found = await findings([]);
    assert.deepEqual(kinds(found), ['warning cache-in-memory', 'warning exchange-failing']);
    for (const { remedy } of found) {
      assert.match(remedy, /^df -h \S+; df -i \S+; ls -ld \S+ {2}# make room/u);
      assert.match(remedy, /no reload before/u);
    }
  });

  test('is not heard of what the set-up has told of already', async () => {
    const known = (name: string, text: string): Finding => {
      return { severity: 'error', name, text, remedy: '' };
    };
    problems = [
      {
        severity: 'error',
        name: 'parameter-refused',
        text: 'bad x = y: its default is used (tlsmgr_egd_listen)',
      },
      {
        severity: 'error',
        name: 'cache-off',
        text: "smtp cache is off: nosuch:x can't be used (smtp_tls_session_cache_database)",
      },
    ];
    assert.equal((await findings([])).length, 2);
    const told = [
      known('config-fault', 'bad x = y: tlsmgr_egd_listen takes a path; its default is used'),
      known('cache-unusable', 'smtp_tls_session_cache_database = nosuch:x: this cache is off'),
    ];
    assert.deepEqual(await findings(told), []);
  });

  test('that only waits for a reload tells what is wrong with it all the same', async () => {
    problems = [
      { severity: 'warning', name: 'fleet-differs', text: 'fleet: mx2 has OpenSSL 1, here 2' },
      {
        severity: 'warning',
        name: 'engine-away',
        text: 'engine a:1 is away: x (tlsmgr_fleet_engine)',
      },
    ];
    assert.deepEqual(kinds(await findings([], false)), [
      'warning other-answers',
      'warning fleet-differs',
      'warning engine-away',
    ]);
  });

  test('a node that is gone is one error', async () => {
    const path = '/opt/node-20/bin/node';
    const why = `${path} is missing: install Node.js, then run tlsmgr install again`;
    writeFileSync(join(queue, 'pid/tlsmgr.start'), `original\n7\n0 0\n${why}\n`);
    await fake.stop();
    fake = await FakeServer.start(join(queue, 'private/tlsmgr'), {
      greeting: listText(announcement),
      reply: (request) =>
        request === 'stats'
          ? undefined
          : [
              ['status', '0'],
              ...(request === 'policy'
                ? ([
                    ['cachable', '1'],
                    ['timeout', '3600'],
                  ] as const)
                : ([['seed', 'AAAA']] as const)),
            ],
      firstOnly: true,
    });
    const missing: Finding = {
      severity: 'error',
      name: 'node-missing',
      text: `there is no ${path}: the daemon can't start`,
      remedy: '',
    };
    assert.deepEqual(kinds(await findings([missing])), ['note original-meanwhile']);
    assert.deepEqual(kinds(await findings([])), ['error handed-over']);
  });
});

describe('the set-up', { skip: noCDaemon }, () => {
  let setUp: CheckSetUp;
  before(() => {
    setUp = new CheckSetUp();
  });
  after(() => setUp.remove());

  /** As an administrator pastes it; Postfix doesn't run. */
  const paste = (remedy: string): void => {
    const commands = remedy
      .replace(/(?:;| &&) postfix .*$/u, '')
      .replaceAll('DIR', setUp.directory)
      .replaceAll('postconf', `postconf -c ${setUp.directory}`);
    execFileSync('bash', ['-ec', commands], { stdio: 'ignore' });
    utimesSync(setUp.path('main.cf'), 0, 0);
  };

  test("the key file goes into the instance's directory, and over no other", async () => {
    const persistent = {
      tlsmgr_session_cache_persistent: 'yes',
      smtp_tls_session_cache_database: 'btree:$data_directory/smtp_scache',
    };
    const [none] = await setUp.findings(persistent);
    assert.equal(none!.name, 'key-file-none');
    paste(none!.remedy);
    const made = readFileSync(setUp.path('tlsmgr-cache-key'), 'latin1');
    assert.match(made, /^[0-9a-f]{64}\n$/u);
    assert.throws(() => paste(none!.remedy));
    assert.equal(readFileSync(setUp.path('tlsmgr-cache-key'), 'latin1'), made);
    assert.equal((await setUp.checkAgain()).status, 0);
    setUp.writeData('key', 'short');
    const keyed = { ...persistent, tlsmgr_session_cache_key_file: '$data_directory/key' };
    const [malformed] = await setUp.findings(keyed);
    paste(malformed!.remedy);
    assert.equal(readFileSync(setUp.path('data/key.unusable'), 'latin1'), 'short');
    assert.equal((await setUp.checkAgain()).status, 0);
  });

  test("a bad value of master.cf's is mended there", async () => {
    for (const option of ['tlsmgr_connection_limit=0', '{ tls_random_bytes = x }']) {
      setUp.writeMasterCf(`${usualLine} -v -o ${option}`);
      const found = await setUp.findings();
      assert.deepEqual(kinds(found), ['error config-fault']);
      assert.match(found[0]!.text, /\(by an -o in the tlsmgr line of master\.cf\)/u);
      paste(found[0]!.remedy);
      assert.doesNotMatch(readFileSync(setUp.path('master.cf'), 'utf8'), /-o/u);
      assert.equal((await setUp.checkAgain()).status, 0);
    }
    const [limit] = await setUp.findings({}, '-o', 'tlsmgr_connection_limit=0');
    assert.match(limit!.text, /takes a whole number of at least 1; .*by an -o of this command/u);
    assert.equal(limit!.remedy, '# correct the -o of this command');
    setUp.writeMasterCf(usualLine);
  });

  test('a bad value of ours is told with what is allowed', async () => {
    const found = await setUp.findings({ tlsmgr_connection_limit: '0' });
    assert.deepEqual(kinds(found), ['error config-fault']);
    assert.match(
      found[0]!.text,
      /tlsmgr_connection_limit takes a whole number of at least 1; its default is used/u,
    );
  });

  test('a byte order mark has a line, and a command that removes it', async () => {
    await setUp.check();
    const text = readFileSync(setUp.path('main.cf'), 'utf8');
    writeFileSync(setUp.path('main.cf'), `\ufeff${text}`);
    utimesSync(setUp.path('main.cf'), 0, 0);
    const { out } = await setUp.checkAgain();
    const [, remedy] = /main\.cf, line 1: .*\n {4}(LC_ALL=C sed .*)\n/u.exec(out)!;
    paste(remedy!);
    assert.equal(readFileSync(setUp.path('main.cf'), 'utf8'), text);
  });

  test('a host name goes into a folder that is there', async () => {
    const place = setUp.path('none/mailname');
    const found = await setUp.findings({ myorigin: place });
    assert.equal(found[0]!.remedy.startsWith('mkdir -p DIR/none; hostname'), true);
    assert.equal(existsSync(place), false);
  });

  test('a relative name is said to count from queue_directory', async () => {
    const found = await setUp.findings({ smtp_tls_session_cache_database: 'btree:A' });
    assert.match(found[0]!.text, /\/queue \(A counts from queue_directory\) doesn't belong/u);
  });

  test('of a standalone one only main.cf and the answer are looked at', async () => {
    setUp.writeMasterCf('tlsmgr fifo - - n 300 10 tlsmgr');
    const parameters = { maillog_file: '' };
    const found = await setUp.findings(parameters, '--socket', setUp.path('none'));
    setUp.writeMasterCf(usualLine);
    assert.deepEqual(kinds(found), ['error not-answering']);
    rmSync(setUp.path('main.cf'));
    const { out } = await setUp.checkAgain('--socket', setUp.path('none'));
    assert.match(out, /^error: no tlsmgr answers: .*\n.*\n1 error\n$/u);
    writeMainCf(setUp.path('main.cf'), {});
  });

  for (const parameter of ['data_directory', 'queue_directory']) {
    test(`no room in ${parameter} is an error`, async (t) => {
      const folder = setUp.path('small');
      mkdirSync(folder);
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
      if (mounted.status !== 0) {
        rmSync(folder, { recursive: true });
        t.skip('a file system can not be mounted here');
        return;
      }
      try {
        spawnSync('dd', ['if=/dev/zero', `of=${folder}/full`], { stdio: 'ignore' });
        chownSync(folder, nobody, nobody);
        const found = await setUp.findings({ [parameter]: folder });
        const errors = found.filter(({ severity }) => severity === 'error');
        assert.deepEqual(kinds(errors), ['error disk-used-up']);
        assert.match(errors[0]!.text, /Postfix itself can't start$/u);
        assert.ok(!kinds(found).includes('warning disk-full'));
      } finally {
        spawnSync('umount', [folder]);
        rmSync(folder, { recursive: true });
      }
    });
  }
});
