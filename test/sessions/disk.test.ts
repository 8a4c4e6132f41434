/** A disk that fills up, and one that fails: one warning, service goes on, then all is right again. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { constants } from 'node:os';
import { slotsStart } from '../../src/sessions/file/manifest.ts';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake, type LogOnFile, openLogOnFile } from './log-on-file.ts';
import { scratchDirectory } from './scratch.ts';

const isRoot = process.getuid?.() === 0;

function fill(open: LogOnFile, from: number, to: number): void {
  for (let number = from; number < to; number += 1) {
    open.log.update(span(`id ${number}`), span(String(number).padEnd(1000, 'x')));
  }
}

function holdsAll(open: LogOnFile, from: number, to: number): boolean {
  for (let number = from; number < to; number += 1) {
    const found = open.log.lookup(span(`id ${number}`));
    if (
      found?.buffer.toString('latin1', found.start, found.start + 5).trim() !==
      `${number}`.padEnd(5, 'x')
    ) {
      return false;
    }
  }
  return true;
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn += 1) {
    assert.ok(turn < 10_000, 'never came');
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

void describe('a failing disk', () => {
  void test(
    'costs one warning, nothing deleted comes back, and it recovers',
    { timeout: 30_000 },
    async () => {
      const scratch = scratchDirectory();
      const path = join(scratch.path, 'cache');
      const clock = new TestClock();
      let failing = false;
      const open = openLogOnFile(
        path,
        clock,
        {},
        {
          retryMs: 1,
          write: (fd, bytes, position, done) => {
            if (failing) {
              const error = Object.assign(new Error('full'), { errno: -constants.errno.ENOSPC });
              setImmediate(done, error);
              return;
            }
            writeSync(fd, bytes, 0, bytes.length, position);
            setImmediate(done, null);
          },
        },
      );
      fill(open, 0, 20);
      await awake(open.mirror.written());
      failing = true;
      fill(open, 20, 40);
      open.log.delete(span('id 3'));
      await until(() => !open.mirror.healthy());
      fill(open, 40, 60);
      assert.equal(open.log.statistics().fileHealthy, false);
      assert.ok(holdsAll(open, 20, 60), 'memory goes on');
      assert.deepEqual(open.lines, [
        'warning: cannot write smtp TLS session cache: No space left on device; keeping it in memory alone',
      ]);
      failing = false;
      await until(() => open.mirror.healthy());
      assert.equal(open.lines[1], 'smtp TLS session cache is kept in its file again');
      await awake(open.mirror.written());
      open.log.closeNow();
      const again = openLogOnFile(path, clock);
      await awake(again.loaded);
      assert.ok(holdsAll(again, 4, 60));
      assert.equal(again.log.lookup(span('id 3')), undefined);
      assert.deepEqual(again.lines, []);
      again.log.closeNow();
      scratch.remove();
    },
  );

  void test('at exit leaves nothing that is no longer true', async () => {
    const scratch = scratchDirectory();
    const path = join(scratch.path, 'cache');
    const clock = new TestClock();
    const open = openLogOnFile(
      path,
      clock,
      {},
      {
        retryMs: 1,
        writeNow: () => {
          throw Object.assign(new Error('broken'), { errno: -constants.errno.EIO });
        },
      },
    );
    // The first manifest of the file could not be written, later ones can.
    fill(open, 0, 5);
    await until(() => open.mirror.healthy());
    await awake(open.mirror.written());
    open.log.delete(span('id 1'));
    open.log.closeNow();
    const again = openLogOnFile(path, clock);
    await awake(again.loaded);
    assert.equal(again.log.lookup(span('id 1')), undefined);
    again.log.closeNow();
    scratch.remove();
  });

  void test(
    'that is really full, a tmpfs',
    { skip: isRoot ? false : 'needs root to mount a tmpfs', timeout: 60_000 },
    async (t) => {
      const scratch = scratchDirectory();
      const mount = join(scratch.path, 'small');
      mkdirSync(mount);
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]).status !== 0) {
        scratch.remove();
        t.skip('mount(8) of a tmpfs is not permitted here');
        return;
      }
      try {
        const path = join(mount, 'cache');
        const ballast = join(mount, 'ballast');
        const clock = new TestClock();
        writeFileSync(ballast, Buffer.alloc(700_000));
        const open = openLogOnFile(path, clock, {}, { retryMs: 2 });
        fill(open, 0, 300);
        await until(() => !open.mirror.healthy());
        assert.ok(holdsAll(open, 0, 300));
        rmSync(ballast);
        await until(() => open.mirror.healthy());
        await awake(open.mirror.written());
        assert.equal(open.lines.length, 2, open.lines.join('\n'));
        open.log.closeNow();
        const again = openLogOnFile(path, clock);
        await awake(again.loaded);
        assert.ok(holdsAll(again, 0, 300));
        assert.deepEqual(again.lines, []);
        again.log.closeNow();
      } finally {
        // A descriptor may still be closing in another thread, which would make it busy.
        spawnSync('umount', ['-l', mount]);
        scratch.remove();
      }
    },
  );
});

void describe('closing while a write is under way', () => {
  for (const label of [
    'with everything written but what is under way',
    'with more to write',
  ] as const) {
    void test(`keeps everything, ${label}`, async () => {
      const scratch = scratchDirectory();
      const path = join(scratch.path, 'cache');
      const clock = new TestClock();
      let holding = false;
      const held: (() => void)[] = [];
      const open = openLogOnFile(
        path,
        clock,
        { slotBytes: 65_536, segmentBytes: 57_344 },
        {
          write: (fd, bytes, position, done) => {
            const run = (): void => {
              writeSync(fd, bytes, 0, bytes.length, position);
              done(null);
            };
            if (holding) {
              held.push(run);
            } else {
              setImmediate(run);
            }
          },
        },
      );
      fill(open, 0, 5);
      await awake(open.mirror.written());
      holding = true;
      fill(open, 5, 15);
      await until(() => held.length === 1);
      if (label === 'with more to write') {
        fill(open, 15, 20);
        open.log.delete(span('id 2'));
      }
      const last = label === 'with more to write' ? 20 : 15;
      open.log.closeNow();
      // The kernel reads the buffer only now.
      held.shift()!();
      const again = openLogOnFile(path, clock, { slotBytes: 65_536, segmentBytes: 57_344 });
      await awake(again.loaded);
      assert.ok(holdsAll(again, 3, last));
      assert.equal(again.log.lookup(span('id 2')) === undefined, last === 20);
      assert.deepEqual(again.lines, []);
      again.log.closeNow();
      scratch.remove();
    });
  }
});

void describe('the size of a cache file', () => {
  void test('follows what is alive', { timeout: 60_000 }, async () => {
    const scratch = scratchDirectory();
    const path = join(scratch.path, 'cache');
    const clock = new TestClock();
    const geometry = { slotBytes: 65_536, segmentBytes: 57_344 };
    const open = openLogOnFile(path, clock, geometry);
    const rawBytes = 2000 * 1006;
    const onDisk = (): number => statSync(path).size - slotsStart;
    for (let round = 0; round < 6; round += 1) {
      for (let number = 0; number < 2000; number += 200) {
        fill(open, number, number + 200);
        await awake(open.mirror.written());
      }
      assert.ok(onDisk() <= 1.5 * rawBytes + 65_536, `${onDisk() / rawBytes} times the raw bytes`);
    }
    clock.pass(60);
    fill(open, 1990, 2000);
    clock.pass(70);
    open.log.expire(10_000);
    await awake(open.mirror.written());
    fill(open, 3000, 3001);
    await awake(open.mirror.written());
    await until(() => onDisk() <= 3 * 65_536);
    assert.equal(open.log.statistics().fileBytes, statSync(path).size);
    open.log.closeNow();
    scratch.remove();
  });
});
