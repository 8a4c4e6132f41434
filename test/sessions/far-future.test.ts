/** A wall clock beyond what 32 bits hold: sessions are served and kept all the same. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { span, TestClock } from '../contracts/session-cache.ts';
import { awake, openLogOnFile } from './log-on-file.ts';
import { scratchDirectory } from './scratch.ts';

describe('a wall clock', () => {
  for (const [what, wallSeconds] of [
    ['in 1970', 0],
    ['in 2038', 2 ** 31 - 10],
    ['in 2105, near the end of 32 bits', 2 ** 32 - 10],
    ['in 2106', 2 ** 32 + 10],
    ['in 2242', 2 ** 33 + 10],
  ] as const) {
    test(`${what}: entries live, expire and are read back`, async () => {
      const scratch = scratchDirectory();
      const path = join(scratch.path, 'cache');
      const clock = new TestClock();
      clock.setWall(wallSeconds);
      const open = openLogOnFile(path, clock);
      await awake(open.loaded);
      open.log.update(span('early'), span('session'));
      clock.pass(100);
      open.log.update(span('late'), span('session'));
      assert.notEqual(open.log.lookup(span('early')), undefined);
      const [, listed] = open.log.list('', 10).entries;
      assert.equal(listed?.storedAtSeconds, wallSeconds + 100);
      await awake(open.mirror.written());
      open.log.closeNow();
      clock.pass(30);
      const again = openLogOnFile(path, clock);
      await awake(again.loaded);
      assert.equal(again.log.lookup(span('early')), undefined);
      assert.notEqual(again.log.lookup(span('late')), undefined);
      clock.pass(100);
      assert.equal(again.log.lookup(span('late')), undefined);
      again.log.closeNow();
      assert.deepEqual([...open.lines, ...again.lines], []);
      scratch.remove();
    });
  }
});
