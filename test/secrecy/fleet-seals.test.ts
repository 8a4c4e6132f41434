/** What a process still has of the secrets of its fleet once they are overwritten: nothing. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { hkdfSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { findInMemory } from './memory-search.ts';

const child = join(import.meta.dirname, 'fleet-seals-child.ts');

test('the secrets of a fleet, and the keys made of them, are gone after wiping', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-secrecy-'));
  const path = join(folder, 'secret');
  const secrets = [randomBytes(32), randomBytes(32)] as const;
  const text = secrets.map((secret) => `${secret.toString('hex')}\n`).join('# a note\n');
  writeFileSync(path, text, { mode: 0o600 });
  const subkey = (purpose: string, length = 32): Buffer =>
    Buffer.from(hkdfSync('sha256', secrets[0], '', `tlsmgr fleet 1 ${purpose}`, length));
  const period = Buffer.alloc(12);
  period.writeUInt32BE(1800);
  period.writeUInt32BE(99, 8);
  const needles = new Map<string, Buffer>([
    ['first secret', secrets[0]],
    ['second secret', secrets[1]],
    ['key of sessions', subkey('session 500')],
    ['key of ticket keys', subkey('keys 1000')],
    ['key of names', subkey('name')],
    ['derived key', subkey(`ticket\0tlsmgr\0${period.toString('latin1')}`, 80)],
  ]);
  const running = spawn(process.execPath, ['--import', 'tsx', child, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: running.stdout });
  try {
    await once(lines, 'line');
    assert.notDeepEqual(findInMemory(running.pid!, needles), []);
    const wiped = once(lines, 'line');
    running.stdin.write('wipe\n');
    await wiped;
    assert.deepEqual(findInMemory(running.pid!, needles), []);
  } finally {
    running.kill();
    rmSync(folder, { recursive: true });
  }
});
