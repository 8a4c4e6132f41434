/** The scripts that start node: with which options, and when Postfix's own program is started instead. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test, type TestContext } from 'node:test';
import { launcherText } from '../../src/cli/postfix/launcher.ts';
import { reasonForOriginal, rehearseNextStart } from '../../src/cli/starts.ts';
import { parseStartRecord, StartRecord } from '../../src/daemon/start-record.ts';
import { poll } from '../postfix/poll.ts';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-launchers-'));
after(() => rmSync(folder, { recursive: true }));

const program = join(folder, 'dist', 'program', 'main.js');
const node = join(folder, 'node');
const original = join(folder, 'original');
const postlog = join(folder, 'postlog');
const logged = join(folder, 'logged');
const queue = join(folder, 'queue');
const record = join(queue, 'pid/tlsmgr.start');
const ours = join(folder, 'bin', 'tlsmgr');
const installed = join(folder, 'installed');
mkdirSync(join(folder, 'bin'));
mkdirSync(join(folder, 'dist', 'program'), { recursive: true });
mkdirSync(join(queue, 'pid'), { recursive: true });
writeFileSync(program, '');
writeFileSync(join(folder, 'dist', 'node-path'), `${node}\n`);
copyFileSync(join(import.meta.dirname, '../../bin/tlsmgr'), ours);
writeFileSync(installed, launcherText({ node, program, original, postlog }), { mode: 0o755 });
putScript(original, `echo "original $*"`);
putScript(postlog, `echo "$*" > ${logged}.new`, `mv ${logged}.new ${logged}`);
// Different files are different channels, as after a reload.
for (const name of ['channel-1', 'channel-2', 'channel-3', 'channel-4', 'channel-5']) {
  writeFileSync(join(folder, name), '');
}

function putScript(path: string, ...lines: string[]): void {
  writeFileSync(path, `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 });
}

/** A Node of this version that says what it would be started with. */
function putNode(version: string): void {
  putScript(node, `if [ "$1" = --version ]; then echo ${version}; else printf '%s\\n' "$@"; fi`);
}

/** What a Node of this version would be started with. */
function argumentsFor(script: string, version: string): string[] {
  putNode(version);
  const { stdout, stderr } = spawnSync(script, ['-l', '-n', 'a b'], { encoding: 'utf8', env: {} });
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

describe('a launcher', () => {
  for (const [name, script] of [
    ['of the package', ours],
    ['of tlsmgr install', installed],
  ] as const) {
    test(`${name} hands on what it is given, words with blanks whole`, () => {
      const words = argumentsFor(script, 'v22.1.0');
      assert.deepEqual(words.slice(-3), ['-l', '-n', 'a b']);
      assert.match(words.at(-4)!, /dist\/program\/main\.js$/u);
    });

    test(`${name} gives node no option of V8's, since Node's own code is compiled for none`, () => {
      for (const version of ['v20.19.0', 'v20.20.2', 'v22.1.0', 'v26.10.0', 'v240.0.0']) {
        const [option, entry] = argumentsFor(script, version);
        assert.equal(option, '--v8-pool-size=1', version);
        assert.match(entry!, /main\.js$/u, version);
      }
    });

    test(`${name} tells people of a node that is too old, and starts nothing`, () => {
      for (const [version, said] of [
        [
          'v20.18.9',
          /^tlsmgr: fatal: .*node is v20\.18\.9: tlsmgr needs Node\.js 20\.19 or later\n/u,
        ],
        ['v9.1.0', /is v9\.1\.0: tlsmgr needs/u],
        ['', /node does not run\n/u],
      ] as const) {
        putNode(version);
        const { stdout, stderr, status } = spawnSync(script, ['list', 'smtp'], {
          encoding: 'utf8',
          env: {},
        });
        assert.match(stderr, said);
        assert.equal(stdout, '');
        assert.equal(status, 1);
      }
    });

    test(`${name} tells monitoring with 3 that node is gone, with --nagios in one line`, () => {
      putNode('v9.1.0');
      for (const [args, out] of [
        [['status'], ''],
        [['check', '--json'], ''],
        [
          ['status', '-c', '/none', '--nagios'],
          `TLSMGR UNKNOWN - ${node} is v9.1.0: tlsmgr needs Node.js 20.19 or later\n`,
        ],
      ] as const) {
        const { stdout, stderr, status } = spawnSync(script, args, { encoding: 'utf8', env: {} });
        assert.deepEqual([status, stdout], [3, out], args.join(' '));
        assert.match(stderr, /^tlsmgr: fatal: .*is v9\.1\.0/u);
      }
    });
  }
});

describe('without node, a launcher', () => {
  const config = join(folder, 'etc');
  const say = (args: string[], environment = {}): string => {
    rmSync(node, { force: true });
    const { stderr, status } = spawnSync(installed, args, { encoding: 'utf8', env: environment });
    assert.equal(status, args[0] === 'uninstall' ? 1 : 3);
    return stderr;
  };

  test('tells people how to go back by hand, where install has been', () => {
    const only =
      /^tlsmgr: fatal: .*node is missing: install Node\.js, then run tlsmgr install.*\n$/u;
    mkdirSync(config, { recursive: true });
    assert.match(say(['check', '-c', config]), only);
    const copy = join(config, 'master.cf.before-tlsmgr');
    writeFileSync(copy, '');
    const back = `To go back to Postfix's own without it: cp -p ${copy} ${config}/master.cf; postfix -c ${config} reload\n`;
    for (const stderr of [
      say(['check', '-c', config]),
      say(['uninstall', `-c${config}`]),
      say(['uninstall', `--config=${config}`]),
      say(['status'], { MAIL_CONFIG: config }),
    ]) {
      assert.match(stderr, /^tlsmgr: fatal: .*node is missing: install Node\.js/u);
      assert.ok(stderr.endsWith(back), stderr);
    }
  });
});

/** As master(8) starts it. */
function startByMaster(
  channel: number,
  cwd = queue,
  { shell = '/bin/sh', environment = {} } = {},
): string {
  const fd = openSync(join(folder, `channel-${channel}`), 'r');
  try {
    const { stdout, stderr } = spawnSync(shell, [installed, '-l', '-t', 'unix'], {
      encoding: 'utf8',
      cwd,
      timeout: 20_000,
      env: { GENERATION: '5', ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', fd],
    });
    assert.equal(stderr, '');
    return stdout.trimEnd();
  } finally {
    closeSync(fd);
  }
}

type Outcome = 'served' | 'failed' | 'killed';

/**
 * A Node whose starts end so, and whose rehearsals so; with which options it was
 * started is what it says.
 */
function putNodeThat(
  outcome: Outcome,
  rehearsal: 'passes' | 'fails' | 'hangs' | 'passes without code',
): void {
  putScript(
    node,
    '[ "$1" = --version ] && echo v22.1.0 && exit',
    'case $* in *--jitless*) jitless=yes ;; *) jitless= ;; esac',
    'if [ -n "$TLSMGR_REHEARSAL" ]; then',
    ...(rehearsal === 'passes' ? ['  exit 0'] : []),
    ...(rehearsal === 'hangs' ? ['  exec /bin/sleep 30'] : []),
    ...(rehearsal === 'passes without code'
      ? ['  [ -n "$jitless" ] && exit 0', '  kill -TRAP $$']
      : []),
    '  echo "#"',
    '  echo "tlsmgr: fatal: the rehearsed reason" >&2',
    '  exit 1',
    'fi',
    ...(outcome === 'served' || outcome === 'failed'
      ? [`[ -z "$TLSMGR_START_RECORD" ] || printf '%-9s' ${outcome} >&"\${TLSMGR_START_RECORD:-1}"`]
      : []),
    // A shell can't seek.
    ...(outcome === 'failed'
      ? [
          '[ -z "$TLSMGR_START_RECORD" ] || printf "%-240s" "the reason" |',
          '  dd of=pid/tlsmgr.start bs=1 seek=93 conv=notrunc status=none',
        ]
      : []),
    'echo "ours${jitless:+ jitless}"',
    ...(outcome === 'killed' ? ['kill -KILL $$'] : []),
  );
}

function stateOf(): string {
  return parseStartRecord(readFileSync(record, 'latin1'))!.state;
}

async function lineLogged(): Promise<string> {
  await poll('a line in the log', () => existsSync(logged));
  const text = readFileSync(logged, 'utf8').trimEnd();
  rmSync(logged);
  return text;
}

const handedOver = 'original -l -t unix';

describe('started by master(8), a launcher', () => {
  beforeEach(() => {
    rmSync(record, { force: true, recursive: true });
    rmSync(logged, { force: true });
  });

  test('starts ours when there is no record, and when the last start has served', () => {
    putNodeThat('served', 'fails');
    for (const channel of [1, 1, 2]) {
      assert.equal(startByMaster(channel), 'ours');
      assert.equal(stateOf(), 'served');
    }
    writeFileSync(record, 'some other text\n');
    assert.equal(startByMaster(2), 'ours');
    assert.equal(existsSync(logged), false);
  });

  test('hands over in the same reload after a start that failed, and says why', async () => {
    putNodeThat('failed', 'passes');
    assert.equal(startByMaster(1), 'ours');
    assert.equal(stateOf(), 'failed');
    assert.equal(startByMaster(1), handedOver);
    assert.match(
      await lineLogged(),
      /^-i -p error -t postfix\/tlsmgr tlsmgr can't start: the reason; .*original is started in its place\. Mend it \(tlsmgr check\), then run postfix reload; if that one fails too: postfix stop; postfix start$/u,
    );
    assert.equal(stateOf(), 'original');
    assert.equal(startByMaster(1), handedOver);
    assert.match(await lineLogged(), /can't start: the reason;/u);
  });

  test('finds out by a rehearsal why a start has ended without a word', async () => {
    putNodeThat('killed', 'fails');
    startByMaster(1);
    assert.equal(stateOf(), 'starting');
    assert.equal(startByMaster(1), handedOver);
    assert.match(
      await lineLogged(),
      /can't start: tlsmgr: fatal: the rehearsed reason, exit status 1;/u,
    );
    const { state, reason } = parseStartRecord(readFileSync(record, 'latin1'))!;
    assert.equal(state, 'original');
    assert.equal(reason, 'tlsmgr: fatal: the rehearsed reason, exit status 1');
    putNodeThat('killed', 'passes');
    startByMaster(2);
    assert.equal(startByMaster(2), handedOver);
    assert.match(await lineLogged(), /it ends before it serves, and a rehearsal finds no fault;/u);
  });

  test('names the instance of Postfix to the commands that mend it', async () => {
    putNodeThat('failed', 'passes');
    startByMaster(1, queue, { environment: { MAIL_CONFIG: '/etc/postfix' } });
    for (const [directory, option] of [
      ['/etc/postfix', ''],
      ['/etc/postfix-out', ' -c /etc/postfix-out'],
      ['/etc/post fix', " -c '/etc/post fix'"],
    ] as const) {
      startByMaster(1, queue, { environment: { MAIL_CONFIG: directory } });
      assert.ok(
        (await lineLogged()).endsWith(
          `(tlsmgr check${option}), then run postfix${option} reload; if that one fails too: postfix${option} stop; postfix${option} start`,
        ),
      );
    }
    rmSync(node);
    startByMaster(1, queue, { environment: { MAIL_CONFIG: '/etc/postfix-out' } });
    const line = await lineLogged();
    assert.match(
      line,
      /is missing: install Node\.js, then run tlsmgr install -c \/etc\/postfix-out/u,
    );
    // There is nothing that could check.
    assert.doesNotMatch(line, /tlsmgr check/u);
  });

  test('says that a limit on memory is the probable cause of a signal', async () => {
    const text = launcherText({ node, program, original, postlog });
    writeFileSync(installed, text.replace('#!/bin/sh\n', '#!/bin/sh\nulimit -v 500000\n'));
    putNodeThat('killed', 'passes without code');
    startByMaster(1);
    startByMaster(1);
    const cause =
      'killed by signal 5, probably for want of memory (ulimit -v 500000): tlsmgr check tells';
    assert.ok((await lineLogged()).includes(`${cause};`));
    // The status has it from the record, whole.
    assert.equal(parseStartRecord(readFileSync(record, 'latin1'))!.reason, cause);
    writeFileSync(installed, text);
  });

  test('gives up a rehearsal that takes too long', async () => {
    const text = launcherText({ node, program, original, postlog });
    assert.match(text, /^rehearsal_seconds=10$/mu);
    writeFileSync(installed, text.replace('rehearsal_seconds=10', 'rehearsal_seconds=0.1'));
    putNodeThat('killed', 'hangs');
    startByMaster(1);
    const beginMs = performance.now();
    assert.equal(startByMaster(2), handedOver);
    const tookMs = performance.now() - beginMs;
    assert.ok(tookMs < 5000, `${tookMs} ms`);
    assert.match(await lineLogged(), /killed by signal 9, or not done within 0\.1 s;/u);
    writeFileSync(installed, text);
  });

  test('after a reload lets a rehearsal decide', async () => {
    putNodeThat('failed', 'fails');
    startByMaster(1);
    assert.equal(startByMaster(2), handedOver);
    assert.match(await lineLogged(), /the rehearsed reason/u);
    assert.equal(startByMaster(3), handedOver);
    await lineLogged();
    putNodeThat('served', 'passes');
    assert.equal(startByMaster(3), handedOver);
    await lineLogged();
    assert.equal(startByMaster(4), 'ours');
    assert.equal(stateOf(), 'served');
  });

  test('leaves it to the original after three failures in a row, for an hour', async () => {
    putNodeThat('failed', 'passes');
    for (const channel of [1, 2, 3]) {
      assert.equal(startByMaster(channel), 'ours');
    }
    putNodeThat('served', 'passes');
    assert.equal(startByMaster(4), handedOver);
    assert.match(
      await lineLogged(),
      /the reason; 3 starts in a row have failed: tried again at a reload in an hour/u,
    );
    assert.equal(startByMaster(5), handedOver);
    await lineLogged();
    // The line is: failures, second of the last one, options.
    const text = readFileSync(record, 'latin1');
    const at = Number(/^3 (\d+)/mu.exec(text)![1]);
    writeFileSync(record, text.replace(/^3 (\d+)/mu, `3 ${at - 3600}`));
    assert.equal(startByMaster(1), 'ours');
    assert.equal(stateOf(), 'served');
  });

  test('counts only failures in a row', () => {
    for (const [index, outcome] of (
      ['failed', 'failed', 'served', 'failed', 'failed', 'served'] as const
    ).entries()) {
      putNodeThat(outcome, 'passes');
      assert.equal(startByMaster((index % 2) + 1), 'ours');
    }
  });

  test('starts ours without compiled code where only so it passes the rehearsal', async () => {
    putNodeThat('killed', 'passes without code');
    startByMaster(1);
    assert.equal(startByMaster(1), handedOver);
    assert.match(
      await lineLogged(),
      /killed by signal 5, probably for want of memory, or as code made at run time is forbidden: tlsmgr check tells;/u,
    );
    putNodeThat('served', 'passes without code');
    assert.equal(startByMaster(2), 'ours jitless');
    // From then on without a failure, in the same reload and in the next.
    assert.equal(startByMaster(2), 'ours jitless');
    assert.equal(startByMaster(3), 'ours jitless');
    putNodeThat('served', 'passes');
    assert.equal(startByMaster(3), 'ours jitless');
    assert.equal(startByMaster(4), 'ours');
    assert.equal(existsSync(logged), false);
  });

  test('starts ours whatever the record says when there is no other', () => {
    putNodeThat('failed', 'fails');
    const text = launcherText({ node, program, original: join(folder, 'none'), postlog });
    writeFileSync(installed, text, { mode: 0o755 });
    for (const channel of [1, 1, 2]) {
      assert.equal(startByMaster(channel), 'ours');
    }
    writeFileSync(installed, launcherText({ node, program, original, postlog }), { mode: 0o755 });
  });

  test('writes the record on a full disk too, when it is there', async (t) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', disk]).status !== 0) {
      t.skip('no mount(8) here');
      return;
    }
    try {
      mkdirSync(join(disk, 'pid'));
      putNodeThat('failed', 'passes');
      assert.equal(startByMaster(1, disk), 'ours');
      spawnSync('dd', ['if=/dev/zero', `of=${disk}/rest`]);
      assert.equal(startByMaster(1, disk), handedOver);
      await lineLogged();
      // Where there is none, and no room for one, a rehearsal decides.
      rmSync(join(disk, 'pid/tlsmgr.start'));
      spawnSync('dd', ['if=/dev/zero', `of=${disk}/more`]);
      assert.match(startByMaster(1, disk), /^ours/u);
      putNodeThat('failed', 'fails');
      assert.equal(startByMaster(1, disk), handedOver);
      await lineLogged();
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  });

  for (const [kind, put] of [
    ['a directory', () => mkdirSync(record)],
    ['a FIFO', () => spawnSync('mkfifo', [record])],
    ['a symbolic link to nothing', () => symlinkSync(join(folder, 'nowhere/record'), record)],
    ['a symbolic link', () => symlinkSync(join(folder, 'linked'), record)],
  ] as const) {
    test(`lets a rehearsal decide when ${kind} stands in the place of the record`, async () => {
      writeFileSync(join(folder, 'linked'), 'original\n\n3 1\n\n');
      put();
      putNodeThat('failed', 'fails');
      assert.equal(startByMaster(1), handedOver);
      assert.match(await lineLogged(), /can't start: tlsmgr: fatal: the rehearsed reason, /u);
      putNodeThat('failed', 'passes without code');
      assert.equal(startByMaster(1), 'ours jitless');
      putNodeThat('served', 'passes');
      assert.equal(startByMaster(1), 'ours');
      assert.equal(existsSync(logged), false);
      assert.equal(readFileSync(join(folder, 'linked'), 'latin1'), 'original\n\n3 1\n\n');
      assert.equal(existsSync(join(folder, 'nowhere')), false);
      assert.equal(reasonForOriginal(queue), undefined);
      if (kind !== 'a directory') {
        rehearseNextStart(queue);
        assert.equal(stateOf(), 'original');
      }
    });
  }

  test('a start is rehearsed of a Postfix that has never been started', () => {
    rmSync(join(queue, 'pid'), { recursive: true });
    rehearseNextStart(queue);
    assert.equal(stateOf(), 'original');
  });

  for (const shell of ['dash', 'bash']) {
    test(`${shell} reads damaged numbers in the record as none`, (t) => {
      if (spawnSync(shell, ['-c', ':']).status !== 0) {
        t.skip(`no ${shell} here`);
        return;
      }
      putNodeThat('served', 'passes');
      for (const numbers of [
        '08 09',
        `${'9'.repeat(20)} 1`,
        `1 ${'9'.repeat(20)}`,
        '0x1 2',
        '-1 a[$(:)]',
        '+2',
        '1 2 3',
        '',
      ]) {
        for (const state of ['failed', 'starting', 'original']) {
          writeFileSync(record, `${state}\n${process.pid}:1\n${numbers}\nthe reason\n`);
          assert.equal(startByMaster(1, queue, { shell }), 'ours', `${state} ${numbers}`);
          assert.equal(stateOf(), 'served');
        }
      }
    });
  }

  test('gives up a node that does not say its version', async () => {
    const text = launcherText({ node, program, original, postlog });
    assert.match(text, /^version_seconds=5$/mu);
    writeFileSync(installed, text.replace('version_seconds=5', 'version_seconds=0.1'));
    putScript(node, '/bin/sleep 30');
    const beginMs = performance.now();
    assert.equal(startByMaster(1), handedOver);
    const tookMs = performance.now() - beginMs;
    assert.ok(tookMs < 5000, `${tookMs} ms`);
    assert.match(await lineLogged(), /can't start: .*node --version takes more than 0\.1 s;/u);
    writeFileSync(installed, text);
  });

  describe('asks node for its version', () => {
    const asked = join(queue, 'asked');

    /** One that notes that it was asked, and serves. */
    function putAskedNode(path = node): void {
      putScript(
        path,
        `[ "$1" = --version ] && echo asked >> ${asked} && echo v22.1.0 && exit`,
        'printf "%-9s" served >&9',
        'echo ours',
      );
    }

    function timesAsked(): number {
      const text = existsSync(asked) ? readFileSync(asked, 'utf8') : '';
      rmSync(asked, { force: true });
      return text.split('\n').length - 1;
    }

    beforeEach((context) => {
      if (!/^ino:/mu.test(readFileSync('/proc/self/fdinfo/0', 'latin1'))) {
        (context as TestContext).skip('a Linux before 5.14');
      }
      putAskedNode();
      startByMaster(1);
      assert.equal(timesAsked(), 1);
    });

    test('not again when it has served, not even after a reload', () => {
      for (const channel of [1, 1, 2]) {
        assert.equal(startByMaster(channel), 'ours');
        assert.equal(stateOf(), 'served');
      }
      assert.equal(timesAsked(), 0);
    });

    test('when it was written to', () => {
      putAskedNode();
      startByMaster(1);
      assert.equal(timesAsked(), 1);
      startByMaster(1);
      assert.equal(timesAsked(), 0);
    });

    test('when another one has come to its place, however old', () => {
      const other = join(folder, 'other');
      putAskedNode(other);
      utimesSync(other, 1, 1);
      const record_ = statSync(record);
      renameSync(other, node);
      utimesSync(folder, 1, 1);
      assert.ok(record_.mtimeMs > statSync(folder).mtimeMs);
      startByMaster(1);
      assert.equal(timesAsked(), 1);
    });

    test('when something in its directory was replaced', () => {
      writeFileSync(join(folder, 'library'), '');
      rmSync(join(folder, 'library'));
      startByMaster(1);
      assert.equal(timesAsked(), 1);
    });

    test('when the last start has not served', async () => {
      for (const state of ['starting', 'failed', 'original']) {
        const text = readFileSync(record, 'latin1');
        writeFileSync(record, state.padEnd(9) + text.slice(9).replace(/^\d+:/mu, '1:'));
        startByMaster(2);
        assert.equal(timesAsked(), 1, state);
        assert.equal(stateOf(), 'served', state);
      }
    });

    test('when the record names none, as that of an earlier version', () => {
      const text = readFileSync(record, 'latin1');
      writeFileSync(record, text.split('\n').slice(0, 4).join('\n') + '\n');
      startByMaster(1);
      assert.equal(timesAsked(), 1);
    });

    test('when a person asks', () => {
      spawnSync(installed, ['status'], { env: {} });
      assert.equal(timesAsked(), 1);
    });
  });

  test('ends a node that does not come to our first line', async () => {
    const text = launcherText({ node, program, original, postlog });
    assert.match(text, /^first_line_seconds=10$/mu);
    writeFileSync(installed, text.replace('first_line_seconds=10', 'first_line_seconds=0.2'));
    putScript(
      node,
      '[ "$1" = --version ] && echo v22.1.0 && exit',
      '[ -n "$TLSMGR_REHEARSAL" ] && exit',
      'exec /bin/sleep 30',
    );
    const beginMs = performance.now();
    assert.equal(startByMaster(1), '');
    const tookMs = performance.now() - beginMs;
    assert.ok(tookMs < 5000, `${tookMs} ms`);
    assert.equal(stateOf(), 'starting');
    assert.equal(startByMaster(1), handedOver);
    await lineLogged();
    // What comes to it may take as long as it likes.
    const slow = `process.title = 'tlsmgr'; setTimeout(() => console.log('ours'), 1000)`;
    putScript(
      node,
      '[ "$1" = --version ] && echo v22.1.0 && exit',
      '[ -n "$TLSMGR_REHEARSAL" ] && exit',
      `exec ${process.execPath} -e "${slow}"`,
    );
    assert.equal(startByMaster(2), 'ours');
    writeFileSync(installed, text);
  });

  test('counts no start that ended because Postfix was stopped', async () => {
    putNodeThat('killed', 'passes');
    for (let stop = 0; stop < 5; stop += 1) {
      assert.equal(startByMaster(1), 'ours');
      assert.equal(stateOf(), 'starting');
      // The next master is another process.
      writeFileSync(record, readFileSync(record, 'latin1').replace(/^\d+:/mu, '1:'));
    }
    assert.match(readFileSync(record, 'latin1'), /^0 0 +$/mu);
    putNodeThat('killed', 'fails');
    assert.equal(startByMaster(1), handedOver);
    await lineLogged();
  });

  test('says once how many starts have failed, however often it is reloaded', async () => {
    putNodeThat('served', 'passes');
    const long = 'x'.repeat(200);
    for (const reason of ['the reason', long]) {
      writeFileSync(record, `failed\n${process.pid}:1\n2 1\n${reason}\n`);
      for (const channel of [2, 3, 4]) {
        assert.equal(startByMaster(channel), handedOver);
        const line = await lineLogged();
        assert.ok(line.includes(reason.slice(0, 100)), line);
        assert.equal(line.match(/starts in a row/gu)?.length, 1, line);
        assert.match(
          readFileSync(record, 'latin1'),
          /; 3 starts in a row have failed: tried again at a reload in an hour *$/mu,
        );
      }
    }
  });

  test('writes the record where it is, in the same bytes', () => {
    putNodeThat('served', 'passes');
    startByMaster(1);
    const bytes = readFileSync(record).length;
    putNodeThat('failed', 'passes');
    startByMaster(1);
    assert.equal(readFileSync(record).length, bytes);
  });
});

describe('the record of a start', () => {
  const path = join(folder, 'record');
  const state = (): unknown => parseStartRecord(readFileSync(path, 'latin1'));
  const open = (): StartRecord =>
    new StartRecord({ TLSMGR_START_RECORD: String(openSync(path, 'r+')) });

  const before = `${'starting'.padEnd(30)}\n${'1:2'.padEnd(40)}\n${'0 0'.padEnd(20)}\n`;

  beforeEach(() => writeFileSync(path, `${before}${' '.repeat(240)}\n`));

  /** How the launcher names a file. */
  function nameOf(file: string): string {
    const fd = openSync(file, 'r');
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1');
    closeSync(fd);
    return [/^mnt_id:\s*(\d+)$/mu, /^ino:\s*(\d+)$/mu]
      .map((pattern) => pattern.exec(text)?.[1] ?? '')
      .join(':');
  }

  test('keeps the file that was started only where it is the node that runs', () => {
    for (const [file, kept] of [
      [process.execPath, nameOf(process.execPath)],
      // A script that starts a node.
      [path, ''],
    ] as const) {
      writeFileSync(path, `${before}${' '.repeat(240)}\n${nameOf(file).padEnd(40)}\n`);
      const { length } = readFileSync(path);
      open().served();
      const lines = readFileSync(path, 'latin1').split('\n');
      assert.equal(lines[0]!.trim(), 'served');
      assert.equal(lines[4]!.trim(), kept);
      assert.equal(readFileSync(path).length, length);
    }
  });

  test('is told once, on one line, and nothing else in it changes', () => {
    const told = open();
    assert.equal(told.failed(`two\nlines \u{1b}[31m${'x'.repeat(500)}`), true);
    assert.match(
      readFileSync(path, 'latin1'),
      /^failed {24}\n1:2 +\n0 0 +\ntwo lines  \[31mx{225}\n$/u,
    );
    told.served();
    assert.equal(told.failed('again'), false);
    assert.equal(told.descriptor, undefined);
    assert.equal((state() as { state: string }).state, 'failed');
    open().served();
    assert.deepEqual(state(), { state: 'served', reload: '1:2', reason: '' });
  });

  test('is none without a descriptor, and with one of something else', () => {
    for (const environment of [{}, { TLSMGR_START_RECORD: '0x' }, { TLSMGR_START_RECORD: '250' }]) {
      const told = new StartRecord(environment);
      told.served();
      assert.equal(told.failed('why'), false);
      assert.deepEqual(environment, {});
    }
  });
});
