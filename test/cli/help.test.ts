/** Every form of help, and what is told to people whose command line is wrong. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { usageText } from '../../src/cli/help.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { version } from '../../src/version.ts';
import { runHere } from './fake-server.ts';
import { notBuilt } from './standalone.ts';

const program = join(import.meta.dirname, '../../dist/program/main.js');
const launcher = join(import.meta.dirname, '../../bin/tlsmgr');

describe('help', () => {
  test('of a verb explains each of its options, in 80 columns, whatever stands beside', async () => {
    for (const verb of verbs) {
      const { status, out, err } = await runHere(verb.name, '--help');
      assert.deepEqual([status, err], [0, ''], verb.name);
      assert.ok(out.startsWith(usageText(verb)), verb.name);
      for (const [name, { help }] of Object.entries(verb.options)) {
        assert.match(out, new RegExp(`--${name}\\b`, 'u'));
        assert.ok(out.replaceAll(/\s+/gu, ' ').includes(help), `${verb.name} --${name}`);
      }
      for (const line of out.split('\n')) {
        assert.ok(line.length <= 80, line);
      }
      assert.deepEqual(await runHere(verb.name, '-h'), await runHere('help', verb.name));
    }
    const secret = (await runHere('fleet-secret', '--help')).out.replaceAll(/\s+/gu, ' ');
    assert.match(secret, /Without --rotate FILE is made, .* on the first host, and copy the file/u);
    assert.match(
      secret,
      /three steps\. .* 1\. a new secret .* 2\. the new one .* 3\. the old one/u,
    );
    assert.match(
      (await runHere('check', '--help')).out,
      /^exit status: 0 nothing or a note, 1 a w/mu,
    );
  });

  test('help, -h and --help are one, and version is --version', async () => {
    const { status, out } = await runHere('help');
    assert.equal(status, 0);
    assert.match(out, /^usage: tlsmgr VERB/u);
    assert.deepEqual(await runHere('--help'), await runHere('help'));
    assert.deepEqual(await runHere('-h'), await runHere('help'));
    const told = await runHere('version');
    assert.deepEqual(told.out, `tlsmgr ${version}, Node.js ${process.version}\n`);
    assert.deepEqual(await runHere('--version'), told);
  });

  test('of help and version is there too, and they refuse further words', async () => {
    const ofHelp = await runHere('help', 'help');
    assert.equal(ofHelp.status, 0);
    assert.match(ofHelp.out, /^usage: tlsmgr help \[VERB\]\n/u);
    const ofVersion = await runHere('help', 'version');
    assert.equal(ofVersion.status, 0);
    assert.match(ofVersion.out, /^usage: tlsmgr version\n/u);
    for (const option of ['--help', '-h']) {
      assert.deepEqual(await runHere('help', option), ofHelp);
      assert.deepEqual(await runHere('--help', option), ofHelp);
      assert.deepEqual(await runHere('version', option), ofVersion);
      assert.deepEqual(await runHere('--version', option), ofVersion);
    }
    for (const [verb, ...args] of [
      ['version', 'extra'],
      ['--version', 'extra'],
      ['help', 'status', 'extra'],
      ['--help', 'status', 'extra'],
    ] as const) {
      const { status, out, err } = await runHere(verb, ...args);
      assert.deepEqual([status, out], [2, '']);
      assert.match(err, /^tlsmgr: fatal: unexpected command-line argument: extra\nusage: /u);
    }
    const { status, err } = await runHere('version', '--json');
    assert.equal(status, 2);
    assert.match(err, /^tlsmgr: fatal: Unknown option '--json'/u);
  });

  test('a typo gets what was meant, in one line', async () => {
    for (const [typed, meant] of [
      ['statsu', 'status'],
      ['chekc', 'check'],
      ['unistall', 'uninstall'],
      ['vesion', 'version'],
    ]) {
      const { status, out, err } = await runHere(typed!);
      assert.deepEqual([status, out], [2, '']);
      assert.equal(err, `tlsmgr: fatal: unknown verb: ${typed}: did you mean ${meant}?\n`);
    }
    const { err } = await runHere('nonsense');
    assert.equal(err, 'tlsmgr: fatal: unknown verb: nonsense: tlsmgr help lists them\n');
    assert.equal((await runHere('help', 'statsu')).status, 2);
  });

  test('too many words are refused, and name the first of them', async () => {
    for (const words of [
      'list smtp foo',
      'seed 32 33',
      'status now',
      'check all',
      'flush smtp x',
    ]) {
      const [verb, ...args] = words.split(' ');
      const { status, out, err } = await runHere(verb!, ...args);
      assert.deepEqual([status, out], [verb === 'status' || verb === 'check' ? 3 : 2, '']);
      const extra = args.at(-1)!;
      assert.match(err, new RegExp(`fatal: unexpected command-line argument: ${extra}\n`, 'u'));
      assert.match(err, new RegExp(`^usage: tlsmgr ${verb} `, 'mu'));
    }
  });
});

describe('an argument', () => {
  const elsewhere = ['--socket', '/does/not/exist'];

  test('that is no number in decimal digits is refused, with the usage', async () => {
    for (const [verb, ...args] of [
      ['seed', '1e1'],
      ['seed', '0x10'],
      ['seed', ''],
      ['seed', ' 3'],
      ['seed', '0'],
      ['list', 'smtp', '--limit', '2.5'],
      ['list', 'smtp', '--limit', '1e3'],
      ['list', 'smtp', '--limit', 'Infinity'],
      ['bench', '--rounds', '0x2'],
      ['bench', '--rounds', '1.5'],
    ] as const) {
      const { status, out, err } = await runHere(verb, ...args, ...elsewhere);
      assert.deepEqual([status, out], [2, ''], args.join(' '));
      assert.match(err, /^tlsmgr: fatal: bad (?:limit|number of (?:bytes|rounds)): /u);
      assert.match(err, new RegExp(`^usage: tlsmgr ${verb} `, 'mu'));
    }
  });

  test('that Node explains in several lines is refused in one', async () => {
    const { status, err } = await runHere('list', 'smtp', '--limit', '-1');
    assert.equal(status, 2);
    assert.match(err, /^tlsmgr: fatal: Option '--limit'.* is ambiguous\. Did you .*\nusage: /u);
  });

  test('that is no id is refused before a daemon is asked', async () => {
    for (const verb of ['delete', 'show']) {
      for (const id of [
        'hex:ff0z',
        'hex:zz',
        'hex:f',
        'hex:ff 01',
        'hex:0x1',
        'hex:ff00',
        'a\uFFFD',
      ]) {
        const { status, out, err } = await runHere(verb, 'lmtp', id, ...elsewhere);
        assert.deepEqual([status, out], [2, ''], id);
        assert.match(err, /^tlsmgr: fatal: bad cache id: /u);
        assert.match(err, new RegExp(`^usage: tlsmgr ${verb} `, 'mu'));
      }
      assert.match((await runHere(verb, 'lmtp', 'hex:Ff01', ...elsewhere)).err, /no such socket/u);
    }
  });
});

describe('the program', { skip: notBuilt }, () => {
  function run(environment: NodeJS.ProcessEnv, ...args: string[]): [number | null, string] {
    const { status, stdout } = spawnSync(launcher, args, {
      encoding: 'utf8',
      env: { ...process.env, ...environment },
    });
    return [status, stdout];
  }

  test('--help, -h and --version are for people', () => {
    for (const option of ['--help', '-h']) {
      const [status, out] = run({}, option);
      assert.equal(status, 0);
      assert.match(out, /^usage: tlsmgr VERB/u);
    }
    assert.deepEqual(run({}, '--version'), [0, `tlsmgr ${version}, Node.js ${process.version}\n`]);
  });

  test('without a terminal says why it ends, unless master(8) has started it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-hand-'));
    writeFileSync(join(folder, 'main.cf'), '');
    const environment = { ...process.env, MAIL_CONFIG: folder };
    for (const [args, text] of [
      [[], /^tlsmgr: fatal: /mu],
      [['--status'], /^tlsmgr: fatal: invalid option: -$/mu],
    ] as const) {
      const asked = { encoding: 'utf8', input: '', timeout: 20_000 } as const;
      const ran = spawnSync(launcher, args, { ...asked, env: environment });
      assert.deepEqual([ran.status, ran.stdout], [1, '']);
      assert.match(ran.stderr, /tlsmgr help lists what it does for people/u);
      assert.match(ran.stderr, text);
      const ofMaster = { ...environment, GENERATION: '1' };
      const started = spawnSync(process.execPath, [program, ...args], { ...asked, env: ofMaster });
      assert.deepEqual([started.status, started.stderr], [1, '']);
    }
    rmSync(folder, { recursive: true });
  });

  test('on a terminal without arguments names tlsmgr help', () => {
    const { stdout } = spawnSync('script', ['-qec', launcher, '/dev/null'], {
      encoding: 'utf8',
      input: '',
      timeout: 20_000,
    });
    assert.match(stdout, /tlsmgr help lists what it does for people/u);
  });
});
