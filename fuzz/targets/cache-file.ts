/** A cache file that is read back: the manifest, frames and records in it. */
import assert from 'node:assert/strict';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CircularLog } from '../../src/sessions/circular-log.ts';
import { manifestBytes, slotsStart } from '../../src/sessions/manifest.ts';
import { inspectFile, keepInFile } from '../../src/sessions/persistence.ts';
import type { ByteSpan } from '../../src/sessions/session-cache.ts';
import { systemClock } from '../../src/system/clock.ts';
import { latin1, type Target } from '../target.ts';

const geometry = { slotBytes: 4096, segmentBytes: 3072 };
const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const silent = { verbose: 0, info: () => {}, warning: () => {}, error: () => {} };
const span = (text: string): ByteSpan => ({
  buffer: latin1(text),
  start: 0,
  end: text.length,
});
const idOf = (number: number): string => `id ${number}`;
const contentOf = (number: number): string => `${idOf(number)}/`.padEnd(150, '.');
const ids = 30;

function open(path: string): { log: CircularLog; loaded: Promise<void> } | undefined {
  const fd = openSync(path, 'r+');
  const log = new CircularLog(
    { lifetimeSeconds: 3600, sizeLimitBytes: 0, entryLimit: 0, ...geometry },
    { clock: systemClock },
  );
  const found = inspectFile(fd, 'smtp', geometry.slotBytes);
  if (found === 'foreign') {
    closeSync(fd);
    return undefined;
  }
  const { loaded } = keepInFile('smtp', fd, log, found, undefined, { log: silent });
  return { log, loaded };
}

/** The file of a cache that was closed as it should be, without what is the same in each. */
function sample(): { front: Buffer; rest: Buffer } {
  const path = join(folder, 'sample');
  closeSync(openSync(path, 'w', 0o600));
  const { log } = open(path)!;
  for (let number = 0; number < ids; number += 1) {
    log.update(span(idOf(number)), span(contentOf(number)));
  }
  log.delete(span(idOf(3)));
  log.closeNow();
  const bytes = readFileSync(path);
  const manifest = bytes.subarray(0, 512);
  return { front: manifest, rest: bytes.subarray(slotsStart) };
}

const { front, rest } = sample();
/** Two manifests' beginnings and the slots: the stretches between are zero. */
const seed = Buffer.concat([front, front, rest]);

function writeFile(path: string, input: Buffer): void {
  const fd = openSync(path, 'w', 0o600);
  ftruncateSync(fd, slotsStart);
  writeSync(fd, input.subarray(0, 512), 0, Math.min(512, input.length), 0);
  if (input.length > 512) {
    writeSync(fd, input.subarray(512, 1024), 0, undefined, manifestBytes);
  }
  if (input.length > 1024) {
    writeSync(fd, input.subarray(1024), 0, undefined, slotsStart);
  }
  closeSync(fd);
}

export const cacheFileTarget: Target = {
  name: 'cache-file',
  promise: 'what is read back is what was stored under that id, or nothing; the start never fails',
  seeds: [seed],
  words: [front.subarray(0, 80), rest.subarray(0, 64), Buffer.alloc(32), latin1('tlsmgrSC')],
  async run(input) {
    const path = join(folder, 'input');
    writeFile(path, input);
    const opened = open(path);
    if (opened === undefined) {
      return;
    }
    const { log, loaded } = opened;
    await loaded;
    for (let number = 0; number < ids; number += 1) {
      const found = log.lookup(span(idOf(number)));
      if (found !== undefined) {
        const text = found.buffer.toString('latin1', found.start, found.end);
        assert.equal(text, contentOf(number), 'a session under another id');
      }
    }
    assert.ok(log.statistics().entries <= ids, 'entries that nobody stored');
    log.closeNow();
  },
};
