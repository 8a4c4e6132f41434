/** SIGUSR1 while modules are still being loaded ends the process, and opens no debugger. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { notBuilt } from '../cli/standalone.ts';

const program = join(import.meta.dirname, '../../dist/program/main.js');

/** Sends the signal when the native library is loaded, and gives a debugger time to open. */
const preload = `
const { dlopen } = process;
process.dlopen = (...words) => {
  process.kill(process.pid, 'SIGUSR1');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  return dlopen(...words);
};
`;

describe('SIGUSR1 during the start', { skip: notBuilt }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-signal-'));
  const preloaded = join(folder, 'preload.cjs');
  writeFileSync(preloaded, preload);
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [what, args] of [
    ['of serve', ['serve']],
    ['of the daemon', ['-S', '-V']],
  ] as const) {
    test(what, async () => {
      const child = spawn(process.execPath, ['--require', preloaded, program, ...args], {
        cwd: folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (/debugger/iu.test(said)) {
          child.kill('SIGKILL');
        }
      });
      const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
      assert.doesNotMatch(said, /debugger|inspector/iu);
      assert.notEqual(signal, 'SIGKILL');
    });
  }
});
