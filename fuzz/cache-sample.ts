/**
 * A cache file as a daemon leaves it, with known sessions, and the same file as
 * a fuzzer's input: the beginnings of both manifests and the slots. What lies
 * between is zero in the file and left out in the input.
 */
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
import type { CacheKeys } from '../src/sessions/file/cache-keys.ts';
import { CircularLog } from '../src/sessions/memory/circular-log.ts';
import { manifestBytes, slotsStart } from '../src/sessions/file/manifest.ts';
import { inspectFile, keepInFile } from '../src/sessions/file/persistence.ts';
import type { ByteSpan } from '../src/sessions/session-cache.ts';
import { systemClock } from '../src/system/clock.ts';
import { latin1 } from './target.ts';

const geometry = { slotBytes: 4096, segmentBytes: 3072 };
const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

const silent = { verbose: 0, info: () => {}, warning: () => {}, error: () => {} };

/** Bytes of a manifest that an input holds. */
export const frontBytes = 512;
export const ids = 30;
export const idOf = (number: number): string => `id ${number}`;
export const contentOf = (number: number): string => `${idOf(number)}/`.padEnd(150, '.');
export const pathOf = (name: string): string => join(folder, name);

export function span(text: string): ByteSpan {
  return { buffer: latin1(text), start: 0, end: text.length };
}

export interface OpenedCache {
  log: CircularLog;
  /** Resolves when the file has been read back. */
  loaded: Promise<void>;
}

/** As a daemon does at its start. @returns undefined for a file that it would put aside. */
export function openCache(path: string, keys: CacheKeys | undefined): OpenedCache | undefined {
  const fd = openSync(path, 'r+');
  const log = new CircularLog(
    { lifetimeSeconds: 3600, sizeLimitBytes: 0, entryLimit: 0, ...geometry },
    { clock: systemClock },
  );
  const found = inspectFile(fd, 'smtp', geometry.slotBytes);
  if (found === 'foreign' || found === 'useless') {
    closeSync(fd);
    return undefined;
  }
  const { loaded } = keepInFile('smtp', fd, log, found, keys, { log: silent });
  return { log, loaded };
}

/** The input that stands for a file with all ids but one. */
export function sampleInput(keys: CacheKeys | undefined): Buffer {
  const path = pathOf('sample');
  closeSync(openSync(path, 'w', 0o600));
  const { log } = openCache(path, keys)!;
  for (let number = 0; number < ids; number += 1) {
    log.update(span(idOf(number)), span(contentOf(number)));
  }
  log.delete(span(idOf(3)));
  log.closeNow();
  const bytes = readFileSync(path);
  const front = bytes.subarray(0, frontBytes);
  return Buffer.concat([front, front, bytes.subarray(slotsStart)]);
}

/** Makes the file that an input stands for. */
export function writeInput(path: string, input: Buffer): void {
  const fd = openSync(path, 'w', 0o600);
  ftruncateSync(fd, slotsStart);
  writeSync(fd, input.subarray(0, frontBytes), 0, undefined, 0);
  writeSync(fd, input.subarray(frontBytes, 2 * frontBytes), 0, undefined, manifestBytes);
  writeSync(fd, input.subarray(2 * frontBytes), 0, undefined, slotsStart);
  closeSync(fd);
}

/** What the cache answers for an id, as text. */
export function sessionOf(log: CircularLog, id: string): string | undefined {
  const found = log.lookup(span(id));
  return found?.buffer.toString('latin1', found.start, found.end);
}
