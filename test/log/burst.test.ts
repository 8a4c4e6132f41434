/** Bursts of lines to a real socket, with a reader in another process. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { Outlet } from '../../src/log/outlet.ts';
import { SocketChannel } from '../../src/log/socket-channel.ts';
import { syslogHead } from '../../src/log/syslog.ts';
import { systemClock } from '../../src/system/clock.ts';
import { DatagramCollector } from './collector.ts';
import type { ReadLines } from './reader-child.ts';
import { scratchDirectory } from './scratch.ts';

const directory = scratchDirectory();

function outletTo(path: string, queueLimitBytes?: number): Outlet {
  return new Outlet({
    channel: new SocketChannel(path, { allowStream: true }),
    head: syslogHead('postfix/tlsmgr', 'mail'),
    clock: systemClock,
    name: 'syslogd',
    queueLimitBytes,
  });
}

/** Starts a reader; resolves when it reads. */
async function startReader(path: string): Promise<{ result: Promise<ReadLines> }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'reader-child.ts'), path],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const [ready] = (await once(lines, 'line')) as [string];
  assert.equal(ready, 'ready');
  const result = once(lines, 'line').then(([line]) => JSON.parse(line as string) as ReadLines);
  return { result };
}

describe('a burst of log lines', () => {
  test('of 100,000 loses none when the reader keeps up', async () => {
    const path = join(directory, 'keeps-up');
    const reader = await startReader(path);
    const outlet = outletTo(path);
    const lines = 100_000;
    for (let number = 0; number < lines; number += 1) {
      outlet.postSoon('info', `${number} text`);
    }
    outlet.post('info', 'end');
    assert.deepEqual(await reader.result, { received: lines, lost: 0, unexpected: null });
    assert.equal(outlet.pending, 0);
    outlet.close();
  });

  test('at the end of the process reaches a reader that keeps up', async () => {
    const path = join(directory, 'at-end');
    const reader = await startReader(path);
    const outlet = outletTo(path);
    const lines = 10_000;
    for (let number = 0; number < lines; number += 1) {
      outlet.postSoon('info', `${number} text`);
    }
    outlet.post('info', 'end');
    assert.equal(outlet.drainNow(20_000, false), true);
    assert.deepEqual(await reader.result, { received: lines, lost: 0, unexpected: null });
    outlet.close();
  });

  test('to a reader that stands still delays nobody, and takes no more memory than its limit', () => {
    const path = join(directory, 'stands-still');
    const reader = new DatagramCollector(path);
    const limitBytes = 2_000_000;
    const outlet = outletTo(path, limitBytes);
    const text = 'x'.repeat(100);
    const beforeBytes = process.memoryUsage().arrayBuffers;
    const lines = 200_000;
    let longestMs = 0;
    for (let number = 0; number < lines; number += 1000) {
      const startedMs = performance.now();
      for (let count = 0; count < 1000; count += 1) {
        outlet.postSoon('info', text);
      }
      longestMs = Math.max(longestMs, performance.now() - startedMs);
    }
    assert.ok(outlet.pending * text.length < limitBytes);
    assert.ok(outlet.pending * (text.length + 60) > limitBytes, 'the queue is full');
    const moreBytes = process.memoryUsage().arrayBuffers - beforeBytes;
    assert.ok(moreBytes < limitBytes * 1.5, `${moreBytes} bytes`);
    // A wait for the reader would take longer; so may a machine that is busy elsewhere.
    assert.ok(longestMs < 1000, `${longestMs} ms for 1000 lines`);
    outlet.close();
    reader.close();
  });
});
