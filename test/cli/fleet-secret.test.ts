/** tlsmgr fleet-secret: what it writes, what it tells, and what it leaves alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, test } from 'node:test';
import { readFleetSecrets } from '../../src/fleet/secret-file.ts';
import { scratchDirectory } from '../config/scratch.ts';
import { type Ran, runHere, runIn } from './fake-server.ts';

const folder = realpathSync(scratchDirectory());
const isRoot = process.geteuid!() === 0;
let count = 0;
let path: string;

beforeEach(() => {
  count += 1;
  mkdirSync(join(folder, String(count)));
  path = join(folder, String(count), 'fleet secret');
});

const secretsIn = (file: string): string[] =>
  readFleetSecrets(file).map((secret) => secret.toString('hex'));

/** Neither on the screen nor in an error. */
function assertTellsNothing({ out, err }: Ran, file: string): void {
  for (const secret of readFileSync(file, 'latin1').match(/[0-9a-f]{64}/gu) ?? []) {
    assert.ok(!`${out}${err}`.includes(secret.slice(0, 16)));
  }
}

describe('tlsmgr fleet-secret FILE', () => {
  test('makes a file with one secret, for its owner alone, and tells what comes next', async () => {
    const ran = await runHere('fleet-secret', path);
    assert.deepEqual([ran.status, ran.err], [0, '']);
    assert.deepEqual(ran.out.split('\n'), [
      `${path}: one secret, which seals and opens`,
      `next: copy '${path}' to every host of the fleet (root's, mode 600), then on each: postfix reload`,
      `then: every month: tlsmgr fleet-secret '${path}' --rotate`,
      '',
    ]);
    assert.equal(statSync(path).mode & 0o7777, 0o600);
    assert.equal(secretsIn(path).length, 1);
    assertTellsNothing(ran, path);
    assert.deepEqual(readdirSync(join(path, '..')), ['fleet secret'], 'nothing is left beside it');
  });

  test('makes another secret each time', async () => {
    const other = `${path} 2`;
    await runHere('fleet-secret', path);
    await runHere('fleet-secret', other);
    assert.notDeepEqual(secretsIn(path), secretsIn(other));
  });

  test('is for its owner alone whatever the umask is', async () => {
    for (const mask of [0, 0o777]) {
      const before = process.umask(mask);
      try {
        await runHere('fleet-secret', `${path}${mask}`);
      } finally {
        process.umask(before);
      }
      assert.equal(statSync(`${path}${mask}`).mode & 0o7777, 0o600);
    }
  });

  test('never writes over a file, a link or a folder', async () => {
    const link = `${path}-link`;
    writeFileSync(path, 'precious', { mode: 0o644 });
    symlinkSync(join(folder, 'nowhere'), link);
    for (const one of [path, link, folder]) {
      const { status, out, err } = await runHere('fleet-secret', one);
      assert.deepEqual([status, out], [1, '']);
      assert.equal(
        err,
        `tlsmgr: fatal: ${one}: it is there already, and stays as it is: --rotate replaces its secret, step by step\n`,
      );
    }
    assert.equal(readFileSync(path, 'utf8'), 'precious');
    assert.ok(lstatSync(link).isSymbolicLink());
  });

  test('tells why it can make none', async () => {
    const { status, err } = await runHere('fleet-secret', join(path, 'x'));
    assert.equal(status, 1);
    assert.equal(err, `tlsmgr: fatal: ${join(path, 'x')}: No such file or directory\n`);
  });

  test('wants a file, and one only', async () => {
    for (const args of [[], [''], [path, 'b'], [path, '--force'], [path, '--x']]) {
      const { status, out, err } = await runHere('fleet-secret', ...args);
      assert.deepEqual([status, out], [2, '']);
      assert.match(err, /^usage: tlsmgr fleet-secret FILE \[--rotate\] \[--force\]$/mu);
    }
  });
});

/** As if the last step had been done so long ago. */
function backdate(file: string, seconds: number): void {
  const then = new Date(Date.now() - seconds * 1000).toISOString().slice(0, 16);
  const text = readFileSync(file, 'latin1');
  assert.match(text, /^# \d{4}-\d\d-\d\dT\d\d:\d\dZ: step/mu);
  writeFileSync(file, text.replace(/^# [-\dT:]+Z: step/mu, `# ${then}Z: step`), 'latin1');
}

describe('tlsmgr fleet-secret FILE --rotate, before its time', () => {
  beforeEach(async () => {
    await runHere('fleet-secret', path);
    await runHere('fleet-secret', path, '--rotate');
    // All hosts may have the file within moments: no time is known that it takes.
    assert.equal((await runHere('fleet-secret', path, '--rotate')).status, 0);
  });

  test('keeps the old secret for twice the longest lifetime and ten minutes', async () => {
    const before = readFileSync(path);
    const early = await runHere('fleet-secret', path, '--rotate');
    assert.deepEqual([early.status, early.out], [1, '']);
    assert.match(
      early.err,
      /: step 2 was done at \S+Z, and the old secret is needed until \S+Z, .* or now with --force, /u,
    );
    assertTellsNothing(early, path);
    assert.deepEqual(readFileSync(path), before);
    backdate(path, 128 * 60);
    assert.equal((await runHere('fleet-secret', path, '--rotate')).status, 1);
    backdate(path, 131 * 60);
    assert.equal((await runHere('fleet-secret', path, '--rotate')).status, 0);
    assert.equal(secretsIn(path).length, 1);
  });

  test('goes by the lifetimes in main.cf', async () => {
    const configDirectory = join(path, '..');
    writeFileSync(join(configDirectory, 'main.cf'), 'smtp_tls_session_cache_timeout = 1d\n');
    const rotate = async (): Promise<number> =>
      (await runIn({ MAIL_CONFIG: configDirectory }, 'fleet-secret', path, '--rotate')).status;
    backdate(path, 48 * 3600);
    assert.equal(await rotate(), 1);
    backdate(path, 49 * 3600);
    assert.equal(await rotate(), 0);
  });

  test('is done all the same when it is forced', async () => {
    const forced = await runHere('fleet-secret', path, '--rotate', '--force');
    assert.equal(forced.status, 0, forced.err);
    assert.equal(secretsIn(path).length, 1);
  });

  test('a step in the future, of another clock, waits too', async () => {
    backdate(path, -3600);
    assert.equal((await runHere('fleet-secret', path, '--rotate')).status, 1);
  });

  test('a file that tells of no time goes on', async () => {
    const text = readFileSync(path, 'latin1').replace(/^# \d.*$/mu, '# ');
    writeFileSync(path, text, 'latin1');
    assert.equal((await runHere('fleet-secret', path, '--rotate')).status, 0);
  });
});

describe('tlsmgr fleet-secret FILE --rotate', () => {
  test('goes one step on each time: added, seals, the old one gone', async () => {
    await runHere('fleet-secret', path);
    const [old] = secretsIn(path);
    const added = await runHere('fleet-secret', path, '--rotate');
    assert.equal(added.status, 0, added.err);
    const [first, fresh, ...none] = secretsIn(path);
    assert.deepEqual([first, none], [old, []]);
    assert.notEqual(fresh, old);
    assert.match(added.out, /: step 1 of 3: the new secret is known/u);
    assert.match(added.out, /^then: once every host has it: tlsmgr fleet-secret '.*' --rotate /mu);
    const switched = await runHere('fleet-secret', path, '--rotate');
    assert.deepEqual(secretsIn(path), [fresh, old]);
    assert.match(switched.out, /: step 2 of 3: the new secret seals/u);
    backdate(path, 131 * 60);
    const removed = await runHere('fleet-secret', path, '--rotate');
    assert.deepEqual(secretsIn(path), [fresh]);
    assert.match(removed.out, /: step 3 of 3: the old secret is gone/u);
    for (const ran of [added, switched, removed]) {
      assertTellsNothing(ran, path);
      assert.equal(ran.out.includes(old!.slice(0, 16)), false);
    }
    assert.equal(statSync(path).mode & 0o7777, 0o600);
    assert.deepEqual(readdirSync(join(path, '..')), ['fleet secret'], 'nothing is left beside it');
  });

  test('keeps the owner, and a link to the file', async () => {
    const link = `${path}-link`;
    await runHere('fleet-secret', path);
    if (isRoot) {
      chownSync(path, 0, 12_345);
    }
    symlinkSync(path, link);
    assert.equal((await runHere('fleet-secret', link, '--rotate')).status, 0);
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.equal(secretsIn(path).length, 2);
    assert.equal(statSync(path).gid, isRoot ? 12_345 : process.getegid!());
  });

  test('takes a file that was written by hand', async () => {
    writeFileSync(path, `${'ab'.repeat(32)}\n`, { mode: 0o600 });
    assert.equal((await runHere('fleet-secret', path, '--rotate')).status, 0);
    assert.equal(secretsIn(path)[0], 'ab'.repeat(32));
  });

  test('changes nothing in a file that it does not understand, or that others may read', async () => {
    const cases: [content: string, mode: number, reason: RegExp][] = [
      ['nonsense\n', 0o600, /: line 1 is not 64 hexadecimal digits$/mu],
      [`${'ab'.repeat(32)}\n${'cd'.repeat(32)}\n`, 0o600, /: it does not tell which of its/u],
      [`${'ab'.repeat(32)}\n`, 0o640, /: the file is open to its group or to others/u],
    ];
    for (const [content, mode, reason] of cases) {
      writeFileSync(path, content);
      chmodSync(path, mode);
      const ran = await runHere('fleet-secret', path, '--rotate');
      assert.deepEqual([ran.status, ran.out], [1, '']);
      assert.match(ran.err, reason);
      assertTellsNothing(ran, path);
      assert.equal(readFileSync(path, 'utf8'), content);
    }
  });

  test('of a file that is not there is refused', async () => {
    const { status, err } = await runHere('fleet-secret', path, '--rotate');
    assert.equal(status, 1);
    assert.equal(err, `tlsmgr: fatal: ${path}: No such file or directory\n`);
  });

  test('leaves the old file whole when the disk is full', { skip: !isRoot }, async () => {
    const small = `${path}-disk`;
    mkdirSync(small);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', small]);
    if (mounted.status !== 0) {
      return;
    }
    try {
      const file = join(small, 'secret');
      await runHere('fleet-secret', file);
      const before = readFileSync(file);
      spawnSync('dd', ['if=/dev/zero', `of=${join(small, 'filler')}`, 'bs=4096', 'count=4']);
      const { status, err } = await runHere('fleet-secret', file, '--rotate');
      assert.equal(status, 1);
      assert.match(err, /: No space left on device$/mu);
      assert.deepEqual(readFileSync(file), before);
      assert.deepEqual(readdirSync(small).toSorted(), ['filler', 'secret']);
    } finally {
      spawnSync('umount', [small]);
    }
  });
});
