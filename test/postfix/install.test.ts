/** tlsmgr install and uninstall on running Postfixes. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Finding } from '../../src/cli/findings/finding.ts';
import type { TlsmgrClient } from '../../src/client/client.ts';
import { version } from '../../src/version.ts';
import { patientClient, untilAnswered } from '../patient-client.ts';
import { programOf } from './processes.ts';
import { PostfixInstance } from './instance.ts';
import { poll } from './poll.ts';
import { originalTlsmgr, requireBuilt, skipWithoutPostfix } from './under-test.ts';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');

const lineOf = (postfix: PostfixInstance): string =>
  execFileSync('postconf', ['-c', postfix.configDirectory, '-M', 'tlsmgr/unix'], {
    encoding: 'utf8',
  })
    .trim()
    .replaceAll(/\s+/gu, ' ');

const masterCfOf = (postfix: PostfixInstance): string => join(postfix.configDirectory, 'master.cf');

/** Name to content of all that install may write. */
function written(postfix: PostfixInstance): Record<string, string> {
  return Object.fromEntries(
    [postfix.configDirectory, join(postfix.directory, 'sbin')].flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.includes('master.cf') || name.includes('tlsmgr'))
        .map((name) => [name, statSync(join(folder, name))] as const)
        .filter(([, found]) => found.isFile())
        .map(([name]) => [name, readFileSync(join(folder, name), 'latin1')]),
    ),
  );
}

const programs = new Map<string | undefined, 'ours' | 'original'>([
  ['node', 'ours'],
  ['tlsmgr', 'original'],
]);

/** Which program serves. Before it does, master(8) is to be seen for a moment, then our launcher's shell. */
async function serving(postfix: PostfixInstance): Promise<'ours' | 'original'> {
  return poll('a tlsmgr', () => {
    const pid = postfix.tlsmgrPid();
    if (pid === undefined) {
      // master(8) starts it for whoever asks.
      ask(postfix);
      return undefined;
    }
    return programs.get(programOf(pid));
  });
}

function ask(postfix: PostfixInstance): void {
  const client = patientClient(postfix.socketPath);
  client.policy('smtpd').then(
    () => client.close(),
    () => client.close(),
  );
}

describe('install and uninstall', { skip: skipWithoutPostfix }, () => {
  const scratch = mkdtempSync('/tmp/tlsmgr-install-');
  let postfix: PostfixInstance;
  let original: string;
  let untouched: Record<string, string>;

  const run = (...args: string[]) =>
    spawnSync(launcher, [...args, '-c', postfix.configDirectory], { encoding: 'utf8', env: {} });
  const installed = (...args: string[]): string => {
    const { status, stderr, stdout } = run('install', '--yes', ...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const removed = (): string => {
    const { status, stderr, stdout } = run('uninstall', '--yes');
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const assertUntouched = (): void => {
    assert.deepEqual(written(postfix), untouched);
    assert.equal(existsSync(join(postfix.directory, 'sbin/node-tlsmgr')), false);
  };
  /** A node for which `condition` decides whether it fails. */
  const failingNode = (name: string, condition: string): string => {
    const path = join(scratch, name);
    writeFileSync(path, `#!/bin/sh\n${condition}\nexec ${process.execPath} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  };

  before(async () => {
    requireBuilt();
    chmodSync(scratch, 0o755);
    postfix = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'install' });
    writeFileSync(
      masterCfOf(postfix),
      `# a comment\n\n${readFileSync(masterCfOf(postfix), 'utf8')}`,
    );
    chmodSync(masterCfOf(postfix), 0o640);
    await postfix.start();
    original = lineOf(postfix);
    untouched = written(postfix);
  });

  after(async () => {
    await postfix.stop();
    postfix.cleanup();
    rmSync(scratch, { recursive: true });
  });

  test('a dry run shows the change, and makes none', () => {
    const { stdout, status } = run('install', '--dry-run');
    assert.equal(status, 0);
    assert.match(stdout, /\n +- tlsmgr .* tlsmgr\n +\+ tlsmgr .*1 node-tlsmgr\/tlsmgr\n/u);
    assert.match(stdout, /\ndry run: nothing was changed\n$/u);
    assertUntouched();
  });

  test('without a terminal and without --yes it refuses, and does not wait', () => {
    const { status, stderr } = run('install');
    assert.equal(status, 2);
    assert.match(stderr, /no terminal to ask at, and nothing was changed: --yes goes ahead/u);
    assertUntouched();
  });

  test('what the daemon would refuse is found before anything changes', () => {
    const table: [Record<string, string>, RegExp][] = [
      [
        { tlsmgr_request_time_limit: '0' },
        /error: invalid tlsmgr_request_time_limit: 0 \(min 1\)/u,
      ],
      [
        { lmtp_tls_session_cache_database: 'btree:/etc/smtp_scache' },
        /error: do not use the same TLS cache file .* after redirection: the daemon can't start/u,
      ],
    ];
    for (const [parameters, text] of table) {
      postfix.writeMainCf(parameters);
      const { status, stderr } = run('install', '--yes');
      postfix.writeMainCf({});
      assert.equal(status, 1);
      assert.match(stderr, text);
      assert.match(stderr, /\ntlsmgr: fatal: not installed, and nothing was changed\n$/u);
    }
    assert.match(
      run('install', '--yes', '-o', 'tlsmgr_nosuch=1').stderr,
      /no parameter tlsmgr_nos/u,
    );
    assert.match(
      run('install', '--yes', '-o', 'tls_random_bytes=x').stderr,
      /tls_random_bytes = x/u,
    );
    assertUntouched();
  });

  test('a node that is missing, old, private, replaceable or broken is not installed', () => {
    const unsafe = failingNode('unsafe', '');
    chmodSync(unsafe, 0o777);
    for (const [node, text] of [
      [join(scratch, 'none'), /error: there is no .*\/none/u],
      [
        failingNode('old', 'echo v20.18.1; exit'),
        /is v20\.18\.1: the daemon needs 20\.19 or later/u,
      ],
      [failingNode('not-node', 'exit 3'), /not-node does not run/u],
      [unsafe, /unsafe may be written by everybody, and master\(8\) starts/u],
      [
        failingNode('no-daemon', 'case "$*" in *main.js*) echo no luck >&2; exit 1;; esac'),
        /fatal: not installed: the daemon does not start and answer: no luck \(exit status 1\)/u,
      ],
    ] as const) {
      const { status, stderr } = run('install', '--yes', '--node', node);
      assert.equal(status, 1);
      assert.match(stderr, text);
    }
    chmodSync(scratch, 0o700);
    const { stderr } = run('install', '--yes', '--node', failingNode('private', ''));
    chmodSync(scratch, 0o755);
    assert.match(stderr, /private is closed to others by \/tmp\/tlsmgr-install-/u);
    assertUntouched();
  });

  test('it serves, a second install has nothing to do, uninstall puts back what was there', async () => {
    const first = run('install', '--yes');
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /\ntlsmgr [0-9.]+ answers \(pid \d+\), /u);
    assert.equal(await serving(postfix), 'ours');
    const script = join(postfix.directory, 'sbin/node-tlsmgr/tlsmgr');
    const { uid, mode } = statSync(script);
    assert.deepEqual([uid, mode & 0o7777], [0, 0o755]);
    assert.equal(run('install', '--yes').stdout, 'installed already: nothing to do\n');

    assert.match(removed(), /put back .*\n[^]*Postfix's own tlsmgr answers\n$/u);
    assert.equal(await serving(postfix), 'original');
    assertUntouched();
    assert.equal(statSync(masterCfOf(postfix)).mode & 0o7777, 0o640);
    assert.equal(run('uninstall', '--yes').stdout, 'not installed: nothing to do\n');
  });

  test('after an upgrade the version from before is named, and restarted', () => {
    // A package of its own, whose version changes beneath the daemon that runs.
    const copy = join(postfix.directory, 'package');
    const root = join(import.meta.dirname, '../..');
    mkdirSync(copy);
    for (const name of ['bin', 'dist', 'package.json']) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const install = (): string =>
      spawnSync(join(copy, 'bin/tlsmgr'), ['install', '--yes', '-c', postfix.configDirectory], {
        encoding: 'utf8',
        env: {},
      }).stdout;
    const program = join(copy, 'dist/program');
    const files = readdirSync(program).filter((name) => /\.m?js$/u.test(name));
    const was = files.map((name) => readFileSync(join(program, name), 'utf8'));
    for (const [index, name] of files.entries()) {
      writeFileSync(join(program, name), was[index]!.replaceAll(`"${version}"`, '"0.0.9"'));
    }
    assert.match(install(), /\ntlsmgr 0\.0\.9 answers /u);
    assert.equal(install(), 'installed already: nothing to do\n');
    for (const [index, name] of files.entries()) {
      writeFileSync(join(program, name), was[index]!);
    }
    const upgraded = install();
    assert.match(upgraded, /\n {2}end {4}tlsmgr 0\.0\.9 \(pid \d+\), which still runs\n/u);
    assert.ok(upgraded.includes(`\ntlsmgr ${version} answers `), upgraded);
    assert.doesNotMatch(upgraded, /^ +[-+] /mu);
    assert.equal(install(), 'installed already: nothing to do\n');
    removed();
  });

  test('postconf is quiet about parameters of ours, wherever they are set', () => {
    const said = (): string =>
      spawnSync('postconf', ['-c', postfix.configDirectory, 'mail_name'], { encoding: 'utf8' })
        .stderr;
    const mainCf = join(postfix.configDirectory, 'main.cf');
    const was = readFileSync(mainCf, 'utf8');
    writeFileSync(mainCf, `${was}tlsmgr_request_time_limit = 7s\n`);
    try {
      assert.match(said(), /unused parameter: tlsmgr_request_time_limit/u);
      installed('-o', 'tlsmgr_connection_limit=99');
      assert.equal(said(), '');
      removed();
      assert.doesNotMatch(readFileSync(masterCfOf(postfix), 'utf8'), /debug_peer_list/u);
    } finally {
      writeFileSync(mainCf, was);
    }
  });

  test('parameters of ours go into master.cf, and can be changed by a further install', () => {
    installed('-o', 'tlsmgr_connection_limit=99');
    assert.match(
      lineOf(postfix),
      / node-tlsmgr\/tlsmgr -o tlsmgr_connection_limit=99 -o debug_peer_list=\$\{tlsmgr_connection_limit\?\}$/u,
    );
    const again = run('install', '--yes', '-o', 'tlsmgr_connection_limit=99');
    assert.equal(again.stdout, 'installed already: nothing to do\n');
    installed('-o', 'tlsmgr_connection_limit=100');
    assert.match(
      lineOf(postfix),
      / node-tlsmgr\/tlsmgr -o tlsmgr_connection_limit=100 -o debug_peer_list=\$\{tlsmgr_connection_limit\?\}$/u,
    );
    removed();
    assertUntouched();
  });

  test('with no daemon running, install leaves the sessions of persistent caches alone', async () => {
    const id = Buffer.from('an id');
    const client = (): TlsmgrClient => patientClient(postfix.socketPath);
    postfix.writeMainCf({ tlsmgr_session_cache_persistent: 'yes' });
    installed();
    const first = client();
    await untilAnswered(first, () => first.update('smtpd', id, Buffer.from('the session')));
    void first.close();
    await postfix.stop();
    try {
      // The daemon starts once to show that it can.
      installed('-o', 'tlsmgr_connection_limit=99');
    } finally {
      await postfix.start();
    }
    const second = client();
    const found = await untilAnswered(second, () => second.lookup('smtpd', id));
    void second.close();
    assert.equal(Buffer.from(found ?? []).toString(), 'the session', postfix.log());
    assert.deepEqual(postfix.logLines(/overwritten and removed/u), []);
    postfix.writeMainCf({});
    removed();
    assertUntouched();
  });

  test('a daemon that master cannot start is rolled back, and the original answers at once', async () => {
    // Starts well in the rehearsal, and fails under master(8).
    const node = failingNode('fails', 'case "$*" in *main.js*-S*) ;; *main.js*) exit 1;; esac');
    const { status, stderr } = run('install', '--yes', '--wait', '2', '--node', node);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /fatal: rolled back: no right answer within 2 s: .*: exit status 1; master\.cf is as it was, and the daemon from before answers\n$/u,
    );
    assert.equal(await serving(postfix), 'original');
    assertUntouched();
  });

  test('interrupted, it is rolled back', async () => {
    const node = failingNode(
      'hangs',
      'case "$*$TLSMGR_REHEARSAL" in *main.js*-S*|*yes) ;; *main.js*) exec sleep 600;; esac',
    );
    const child = spawn(
      launcher,
      ['install', '--yes', '--node', node, '-c', postfix.configDirectory],
      { env: {}, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await poll('the hanging program to be started', () => {
      const pid = postfix.tlsmgrPid();
      return pid !== undefined && programOf(pid) === 'sleep';
    });
    child.kill('SIGINT');
    const [status] = (await once(child, 'close')) as [number];
    assert.equal(status, 1);
    assert.match(
      stderr,
      /rolled back: interrupted by SIGINT; master\.cf is as it was, and the daem/u,
    );
    assert.equal(await serving(postfix), 'original');
    assertUntouched();
  });

  test('of one that no longer starts check says who serves and why, and install begins anew', async () => {
    const broken = join(scratch, 'broken');
    const node = failingNode('later', `[ -e ${broken} ] && exit 3`);
    installed('--node', node);
    writeFileSync(broken, '');
    await postfix.reload();
    assert.equal(await serving(postfix), 'original');
    const found = JSON.parse(run('check', '--json').stdout) as Finding[];
    const errors = found.filter(({ severity }) => severity === 'error');
    assert.deepEqual(
      errors.map(({ name }) => name),
      ['node-broken'],
    );
    assert.match(errors[0]!.text, /later does not run/u);
    const meanwhile = found.find(({ name }) => name === 'original-meanwhile');
    assert.match(meanwhile!.text, /^Postfix's own tlsmgr serves meanwhile/u);
    rmSync(broken);
    const said = installed('--node', node);
    assert.match(said, /\n {2}forget the starts that have failed: .*later does not run\n/u);
    assert.doesNotMatch(said, /^ {2}write/mu);
    assert.equal(await serving(postfix), 'ours');
    removed();
    assertUntouched();
  });

  test('a broken launcher is mended by install, and uninstall goes back from one without a wait', async () => {
    installed();
    const script = join(postfix.directory, 'sbin/node-tlsmgr/tlsmgr');
    const good = readFileSync(script, 'utf8');
    const breakIt = async (): Promise<void> => {
      writeFileSync(script, '#!/bin/sh\nexit 1\n');
      const seen = postfix.logLines(/throttling/u).length;
      process.kill(postfix.tlsmgrPid()!, 'SIGKILL');
      ask(postfix);
      await postfix.waitForLog(/throttling/u, seen + 1);
    };
    await breakIt();
    const said = installed();
    assert.match(said, /\n {2}write {2}\S+\/node-tlsmgr\/tlsmgr\n/u);
    assert.match(said, /\n {2}leave {2}\S+\/master\.cf as it is: it starts this tlsmgr already\n/u);
    assert.doesNotMatch(said, /^ +[-+] /mu);
    assert.equal(readFileSync(script, 'utf8'), good);
    assert.equal(await serving(postfix), 'ours');
    await breakIt();
    removed();
    assert.equal(await serving(postfix), 'original');
    assertUntouched();
  });

  test('of a master.cf that was changed since, uninstall puts back only the line', () => {
    installed();
    const masterCf = masterCfOf(postfix);
    writeFileSync(masterCf, `${readFileSync(masterCf, 'utf8')}# a line of the administrator\n`);
    assert.match(removed(), /has been changed since: put back only the line/u);
    assert.equal(lineOf(postfix), original);
    assert.match(readFileSync(masterCf, 'utf8'), /^# a line of the administrator$/mu);
    writeFileSync(masterCf, untouched['master.cf']!);
    assertUntouched();
  });

  test("what an upgrade of Postfix's package does to a configuration leaves it in place", async () => {
    installed();
    const args = ['-c', postfix.configDirectory, 'upgrade-configuration'];
    const upgrade = spawnSync('/usr/sbin/postfix', args, { encoding: 'utf8' });
    assert.equal(upgrade.status, 0, upgrade.stderr);
    assert.match(lineOf(postfix), / node-tlsmgr\/tlsmgr$/u);
    await postfix.reload();
    assert.equal(await serving(postfix), 'ours');
    removed();
    assert.equal(lineOf(postfix), original);
    writeFileSync(masterCfOf(postfix), untouched['master.cf']!);
  });

  test('with its record lost, uninstall still goes back to the original', () => {
    installed('-o', 'tlsmgr_connection_limit=99');
    rmSync(join(postfix.configDirectory, 'tlsmgr-install.json'));
    rmSync(join(postfix.configDirectory, 'master.cf.before-tlsmgr'));
    removed();
    assert.equal(lineOf(postfix), original);
    writeFileSync(masterCfOf(postfix), untouched['master.cf']!);
    assertUntouched();
  });

  test('with a broken main.cf, uninstall puts master.cf back, and the rest when it is mended', () => {
    installed();
    const mainCf = join(postfix.configDirectory, 'main.cf');
    writeFileSync(mainCf, 'this is no parameter\n');
    const { status, stderr } = run('uninstall', '--yes');
    postfix.writeMainCf({});
    assert.equal(status, 1);
    assert.match(stderr, /master\.cf is put back, but the rest waits .*: postconf: .*missing '='/u);
    assert.equal(readFileSync(masterCfOf(postfix), 'utf8'), untouched['master.cf']);
    assert.match(removed(), /only what install has left is removed/u);
    assertUntouched();
  });

  test('with a fault in main.cf that stops every program, install refuses, and uninstall puts master.cf back', async () => {
    const faults: [Record<string, string>, string, RegExp][] = [
      [
        { message_size_limit: '50MB' },
        '--yes',
        /programs end with: .*message_size_limit = 50MB: none/u,
      ],
      [
        { inet_interfaces: '192.0.2.77' },
        '--dry-run',
        /programs end with: .*192\.0\.2\.77.*: none/u,
      ],
    ];
    for (const [parameters, how, text] of faults) {
      postfix.writeMainCf(parameters);
      const { status, stderr, stdout } = run('install', how);
      assert.equal(status, 1);
      assert.match(stderr, text);
      assert.match(stderr, /fatal: not installed, and nothing was changed\n$/u);
      assert.equal(stdout, '');
      assertUntouched();
    }
    postfix.writeMainCf({});
    installed();
    postfix.writeMainCf(faults[0]![0]);
    const { status, stderr } = run('uninstall', '--yes');
    assert.equal(status, 1);
    assert.match(stderr, /master\.cf is put back, but the rest waits .*message_size_limit = 50MB/u);
    assert.equal(readFileSync(masterCfOf(postfix), 'utf8'), untouched['master.cf']);
    // What master(8) goes on to start is there.
    assert.equal(await serving(postfix), 'ours');
    assert.ok(existsSync(join(postfix.directory, 'sbin/node-tlsmgr/tlsmgr')));
    postfix.writeMainCf({});
    assert.match(removed(), /only what install has left is removed/u);
    assert.equal(await serving(postfix), 'original');
    assertUntouched();
  });

  test('the launcher stays until the last instance has gone back', async () => {
    const other = await PostfixInstance.create({
      tlsmgr: originalTlsmgr,
      name: 'other',
      mainCf: { daemon_directory: join(postfix.directory, 'sbin') },
    });
    const runOther = (...args: string[]) =>
      spawnSync(launcher, [...args, '--yes', '-c', other.configDirectory], { encoding: 'utf8' });
    try {
      const masterCf = readFileSync(masterCfOf(other), 'utf8');
      installed();
      const second = runOther('install');
      assert.equal(second.status, 0, second.stderr);
      assert.match(second.stdout, /\nPostfix is not running: it takes effect at the next start\n/u);
      const said = removed();
      assert.match(said, /sbin\/node-tlsmgr\/tlsmgr stays for .*etc\n$/u);
      assert.ok(existsSync(join(postfix.directory, 'sbin/node-tlsmgr/tlsmgr')));
      assert.equal(runOther('uninstall').status, 0);
      assert.equal(readFileSync(masterCfOf(other), 'utf8'), masterCf);
      assertUntouched();
    } finally {
      other.cleanup();
    }
  });
});
