import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { after, describe, test } from 'node:test';
import { Pool } from '../../src/prng/pool.ts';
import { Prng } from '../../src/prng/prng.ts';
import { tryLock } from '../../src/system/calls.ts';
import { keepingLog, scratchFolder, settings } from './scratch.ts';

const scratch = scratchFolder();
after(() => scratch.remove());

function setUp(name: string) {
  const path = scratch.path(name);
  const clock = { ms: 0, nowSeconds: () => 1, monotonicMs: () => clock.ms };
  const log = keepingLog();
  const open = (): Prng => {
    const prng = new Prng(settings({ source: 'dev:/dev/urandom' }), { log, clock });
    prng.openExchangeFile(path);
    return prng;
  };
  return { path, clock, log, open };
}

describe('exchange file', () => {
  test('is made with 1024 bytes and mode 0600, and differs after each update', () => {
    const { path, log, open } = setUp('made');
    const prng = open();
    prng.saveNow();
    assert.equal(statSync(path).size, 1024);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const first = readFileSync(path);
    prng.saveNow();
    assert.notDeepEqual(readFileSync(path), first);
    prng.close();
    assert.deepEqual(log.lines, []);
  });

  test('is not written to through a second name of another file; seeds are served all the same', () => {
    const { path, log, open } = setUp('linked');
    const precious = scratch.path('precious');
    writeFileSync(precious, 'precious');
    linkSync(precious, path);
    const prng = open();
    prng.saveNow();
    assert.equal(readFileSync(precious, 'utf8'), 'precious');
    assert.deepEqual(log.lines, [
      `error: PRNG exchange file ${path} is not used: file has 2 hard links`,
    ]);
    assert.equal(prng.statistics().exchangeHealthy, false);
    const seed = Buffer.alloc(32);
    prng.pool.fill(seed, 0, 32);
    assert.ok(seed.some((byte) => byte !== 0));
    prng.close();
  });

  test('its content goes into the pool', () => {
    const entropy = (target: Buffer): void => void target.fill(1);
    const clock = { nowSeconds: () => 1, monotonicMs: () => 1 };
    const seeds = ['one', 'two'].map((content) => {
      const path = scratch.path('content');
      writeFileSync(path, content);
      const prng = new Prng(settings({ source: 'x' }), {
        log: keepingLog(),
        clock,
        systemEntropy: entropy,
      });
      prng.openExchangeFile(path);
      prng.saveNow();
      prng.close();
      return readFileSync(path);
    });
    assert.notDeepEqual(seeds[0], seeds[1]);
  });

  test('two managers that start from one file give different output', () => {
    const { path, open } = setUp('twins');
    writeFileSync(path, Buffer.alloc(1024, 'the same'));
    const outputs = [0, 1].map(() => {
      const prng = open();
      prng.saveNow();
      writeFileSync(path, Buffer.alloc(1024, 'the same'));
      const output = Buffer.alloc(32);
      prng.pool.fill(output, 0, 32);
      prng.close();
      return output.toString('hex');
    });
    assert.notEqual(outputs[0], outputs[1]);
  });

  test('of another length is taken as it is, and has 1024 bytes at its start afterwards', () => {
    const { path, log, open } = setUp('lengths');
    for (const length of [0, 5, 1024, 5000]) {
      writeFileSync(path, Buffer.alloc(length, 'x'));
      const prng = open();
      prng.saveNow();
      prng.close();
      assert.equal(statSync(path).size, Math.max(length, 1024));
      assert.notEqual(readFileSync(path, 'latin1').slice(0, 5), 'xxxxx');
    }
    truncateSync(path, 3);
    const prng = open();
    prng.saveNow();
    prng.close();
    assert.equal(statSync(path).size, 1024);
    assert.deepEqual(log.lines, []);
  });

  test('that is removed is made anew, with one warning', () => {
    const { path, log, open } = setUp('removed');
    const prng = open();
    prng.saveNow();
    unlinkSync(path);
    prng.saveNow();
    assert.equal(statSync(path).size, 1024);
    prng.saveNow();
    prng.close();
    assert.deepEqual(log.lines, ['warning: PRNG exchange file was removed']);
  });

  test('that somebody else has locked is not waited for, and said after a minute', () => {
    const { path, clock, log, open } = setUp('locked');
    const prng = open();
    prng.saveNow();
    const fd = openSync(path, 'r');
    assert.equal(tryLock(fd), true);
    const held = readFileSync(path);
    prng.saveNow();
    assert.deepEqual(readFileSync(path), held);
    assert.deepEqual(log.lines, []);
    clock.ms += 60_000;
    prng.saveNow();
    prng.saveNow();
    assert.deepEqual(log.lines, [
      `warning: cannot lock PRNG exchange file ${path}: another process holds it`,
    ]);
    assert.equal(prng.statistics().exchangeHealthy, false);
    closeSync(fd);
    prng.saveNow();
    assert.notDeepEqual(readFileSync(path), held);
    assert.equal(prng.statistics().exchangeHealthy, true);
    prng.close();
  });

  test('that can not be opened is fatal', () => {
    const directory = scratch.path('directory');
    mkdirSync(directory);
    const log = keepingLog();
    const clock = { nowSeconds: () => 1, monotonicMs: () => 1 };
    for (const [path, reason] of [
      [directory, 'Is a directory'],
      [scratch.path('none/file'), 'No such file or directory'],
    ] as const) {
      const prng = new Prng(settings({ source: 'x' }), { log, clock });
      assert.throws(() => prng.openExchangeFile(path), {
        code: 'FATAL',
        message: `tls_prng_exch_open: cannot open PRNG exchange file ${path}: ${reason}`,
      });
      prng.close();
    }
  });

  test('on a full disk costs one warning and nothing else', (t) => {
    const disk = scratch.path('disk');
    mkdirSync(disk);
    if (process.getuid?.() !== 0) {
      t.skip('only root can mount a small file system');
      return;
    }
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk]);
    if (mounted.status !== 0) {
      t.skip('no tmpfs can be mounted here');
      return;
    }
    try {
      const { path, log, open } = setUp('disk/exchange');
      spawnSync('dd', ['if=/dev/zero', `of=${disk}/filler`, 'bs=4k', 'count=2'], {
        stdio: 'ignore',
      });
      const prng = open();
      prng.saveNow();
      prng.saveNow();
      assert.deepEqual(log.lines, [
        `warning: cannot write PRNG exchange file ${path}: No space left on device`,
      ]);
      const seed = Buffer.alloc(32);
      prng.pool.fill(seed, 0, 32);
      assert.ok(seed.some((byte) => byte !== 0));
      renameSync(`${disk}/filler`, `${disk}/other`);
      unlinkSync(`${disk}/other`);
      prng.saveNow();
      assert.equal(statSync(path).size, 1024);
      assert.equal(prng.statistics().exchangeHealthy, true);
      prng.close();
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  test('without a name there is none, and nothing is said', () => {
    const log = keepingLog();
    const prng = new Prng(settings({ source: 'x' }), {
      log,
      clock: { nowSeconds: () => 1, monotonicMs: () => 1 },
    });
    prng.openExchangeFile('');
    prng.saveNow();
    prng.close();
    assert.deepEqual(log.lines, []);
  });

  test('an update leaves the pool with fresh state', () => {
    const clock = { nowSeconds: () => 1, monotonicMs: () => 1 };
    const pool = new Pool({ clock, systemEntropy: (target) => void target.fill(3) });
    const first = Buffer.alloc(32);
    pool.fill(first, 0, 32);
    pool.reseed(Buffer.alloc(1024));
    const second = Buffer.alloc(32);
    pool.fill(second, 0, 32);
    assert.notDeepEqual(first, second);
  });
});
