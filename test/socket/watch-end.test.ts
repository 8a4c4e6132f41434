/** The end of a channel, as a handle tells it. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-end-'));
after(() => rmSync(folder, { recursive: true }));

const program = join(folder, 'watch.mjs');
writeFileSync(
  program,
  `import { writeSync } from 'node:fs';
   import { watchEnd } from ${JSON.stringify(join(import.meta.dirname, '../../src/socket/node-handles.ts'))};
   if (process.argv[2] === 'without') process.binding = undefined;
   const watches = watchEnd(3, () => writeSync(1, 'ended'));
   writeSync(1, watches ? 'watches ' : 'no handles');`,
);

function start(...words: string[]): { channel: Socket; said: Promise<string> } {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...words], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  const read = async (): Promise<string> => {
    let text = '';
    for await (const piece of child.stdout!.setEncoding('utf8')) {
      text += piece as string;
    }
    return text;
  };
  return { channel: child.stdio[3] as Socket, said: read() };
}

test('is told once, what comes before it is ignored, and nothing keeps the process then', async () => {
  const { channel, said } = start();
  channel.write('ignored');
  // Until it watches there is nothing else to wait for: it reads what was sent before.
  channel.end();
  assert.equal(await said, 'watches ended');
});

test('a Node without handles is asked in another way', async () => {
  const { channel, said } = start('without');
  assert.equal(await said, 'no handles');
  channel.on('error', () => undefined).destroy();
});

test('a channel that can only be written counts as lost', () => {
  const words = ['-c', '"$@" 3>&1 | cat', 'sh', process.execPath, '--import', 'tsx', program];
  assert.equal(execFileSync('sh', words, { encoding: 'utf8' }), 'watches ended');
});
