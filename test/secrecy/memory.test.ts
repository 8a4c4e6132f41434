/**
 * What a process still has in its memory of a ticket key and a session whose
 * time is over: nothing, neither in the heap that V8 shows nor anywhere else.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { TlsmgrClient } from '../../src/client/client.ts';

const child = join(import.meta.dirname, 'service-child.ts');

/** Where in a process' writable memory one of the needles stands; empty when nowhere. */
function findInMemory(pid: number, needles: ReadonlyMap<string, Buffer>): string[] {
  const found: string[] = [];
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  const block = Buffer.alloc(4 * 1024 * 1024);
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw/u.exec(line);
    if (match === null || line.includes('[vvar]')) {
      continue;
    }
    const end = Number(`0x${match[2]}`);
    for (let at = Number(`0x${match[1]}`); at < end; at += block.length - 256) {
      let length: number;
      try {
        length = readSync(fd, block, 0, Math.min(block.length, end - at), at);
      } catch {
        // A stretch that is reserved and not there.
        continue;
      }
      for (const [name, needle] of needles) {
        if (block.subarray(0, length).includes(needle)) {
          found.push(`${name} in ${line}`);
        }
      }
    }
  }
  closeSync(fd);
  return [...new Set(found)];
}

describe('the memory of a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-secrecy-'));
  const socketPath = join(folder, 'socket');
  const service = spawn(process.execPath, ['--import', 'tsx', child, socketPath], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: service.stdout });
  const client = new TlsmgrClient({ socketPath });
  const tell = async (command: string): Promise<void> => {
    const answered = once(lines, 'line');
    service.stdin.write(`${command}\n`);
    await answered;
  };

  before(async () => {
    await once(lines, 'line');
  });

  after(() => {
    client.close();
    service.kill();
    rmSync(folder, { recursive: true });
  });

  test('holds a key while it is of use, and nothing of it afterwards', async () => {
    const key = (await client.ticketKey())!;
    const session = randomBytes(600);
    await client.update('smtpd', 'an id', session);
    assert.deepEqual(await client.lookup('smtpd', 'an id'), session);

    // Behind the 16 bytes of its name; and within the text that base64 makes of it all.
    const secret = key.subarray(20, 60);
    const needles = new Map([
      ['the key', secret],
      ['the key as text', Buffer.from(key.toString('base64').slice(28, 72), 'latin1')],
      ['the session', session.subarray(100, 140)],
    ]);
    assert.deepEqual(
      findInMemory(service.pid!, new Map([['the key', secret]])).length > 0,
      true,
      'the search finds nothing at all',
    );

    await tell('advance 10000');
    // Others ask as ever: what was read and sent last is written over.
    for (let count = 0; count < 50; count += 1) {
      assert.notDeepEqual(await client.ticketKey(), key);
      await client.update('smtpd', 'another', randomBytes(600));
      await client.lookup('smtpd', 'another');
      await client.seed(200);
    }
    const snapshot = join(folder, 'heap');
    await tell(`snapshot ${snapshot}`);
    const heap = readFileSync(snapshot);
    for (const text of [key, session].flatMap((secretBytes) => [
      secretBytes.toString('base64'),
      secretBytes.toString('hex'),
    ])) {
      assert.equal(heap.includes(text.slice(32, 96)), false, 'the heap snapshot tells a secret');
    }
    assert.deepEqual(findInMemory(service.pid!, needles), []);
  });
});
