/** kill -9 at any moment: what was said to be written is there, nothing deleted, nothing wrong. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { systemClock } from '../../src/system/clock.ts';
import { span } from '../contracts/session-cache.ts';
import { awake, openLogOnFile } from './log-on-file.ts';
import { scratchDirectory } from './scratch.ts';

const program = fileURLToPath(new URL('killed-process.ts', import.meta.url));

/** @returns what the process had said by the time it was dead. */
function runAndKill(directory: string, linesBeforeKill: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let written = 0;
    let lines = 0;
    createInterface({ input: child.stdout }).on('line', (line) => {
      written = Number(line.split(' ')[1]);
      lines += 1;
      if (lines === linesBeforeKill) {
        child.kill('SIGKILL');
      }
    });
    child.on('error', reject);
    child.on('close', () => resolve(written));
  });
}

void describe('a process killed with -9', () => {
  for (const linesBeforeKill of [1, 7, 40]) {
    void test(`after ${linesBeforeKill} cycles`, { timeout: 60_000 }, async () => {
      const scratch = scratchDirectory();
      const written = await runAndKill(scratch.path, linesBeforeKill);
      assert.ok(written > 0);
      const open = openLogOnFile(join(scratch.path, 'cache'), systemClock, {
        lifetimeSeconds: 3600,
      });
      await awake(open.loaded);
      assert.deepEqual(open.lines, []);
      for (let number = 0; number < written + 40; number += 1) {
        const found = open.log.lookup(span(`id ${number}`));
        const text = found?.buffer.toString('latin1', found.start, found.end);
        const deleted = number % 3 === 0 && number + 3 < written;
        if (deleted) {
          assert.equal(text, undefined, `id ${number} was deleted`);
        } else if (number < written && number % 3 !== 0) {
          assert.equal(text, `session ${number}`.padEnd(700, '.'));
        } else {
          assert.ok(text === undefined || text === `session ${number}`.padEnd(700, '.'));
        }
      }
      open.log.closeNow();
      scratch.remove();
    });
  }
});
