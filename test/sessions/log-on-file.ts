/** A circular log kept in a file, with sizes small enough that all of it happens. */
import { closeSync, constants, copyFileSync, openSync } from 'node:fs';
import { LogLines } from '../log-lines.ts';
import { type CacheKeys } from '../../src/sessions/file/cache-keys.ts';
import { CircularLog, type CircularLogSettings } from '../../src/sessions/memory/circular-log.ts';
import type { FileMirror, FileMirrorDependencies } from '../../src/sessions/file/file-mirror.ts';
import { inspectFile, keepInFile } from '../../src/sessions/file/persistence.ts';
import type { Clock } from '../../src/system/clock.ts';

export const smallGeometry = { slotBytes: 4096, segmentBytes: 3072 };

export interface LogOnFile {
  log: CircularLog;
  mirror: FileMirror;
  loaded: Promise<void>;
  path: string;
  lines: string[];
}

export function openLogOnFile(
  path: string,
  clock: Clock,
  settings: Partial<CircularLogSettings> = {},
  more: Partial<FileMirrorDependencies> & { keys?: CacheKeys | undefined } = {},
): LogOnFile {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  const all = {
    lifetimeSeconds: 120,
    sizeLimitBytes: 0,
    entryLimit: 0,
    ...smallGeometry,
    ...settings,
  };
  const log = new CircularLog(all, { clock });
  const found = inspectFile(fd, 'smtp', all.slotBytes);
  const kept = new LogLines();
  if (found === 'foreign' || found === 'useless') {
    closeSync(fd);
    throw new Error('a foreign file');
  }
  const { keys, ...dependencies } = more;
  const { mirror, loaded } = keepInFile('smtp', fd, log, found, keys, {
    log: kept,
    flushEveryMs: 0,
    ...dependencies,
  });
  return { log, mirror, loaded, path, lines: kept.lines };
}

/** Waits while nothing else would keep the process alive. */
export async function awake<T>(promise: Promise<T>): Promise<T> {
  const keepAlive = setInterval(() => undefined, 1000);
  try {
    return await promise;
  } finally {
    clearInterval(keepAlive);
  }
}

/** What a process that is killed now would leave behind. */
export async function crashInto(open: LogOnFile, copy: string): Promise<void> {
  await awake(open.mirror.written());
  copyFileSync(open.path, copy);
  open.log.closeNow();
}
