/** What the suites of the caches share: scratch directories, a log that is kept, caches to open. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogLines } from '../log-lines.ts';
import { type CacheName, cachesNamed } from '../../src/config/cache-names.ts';
import type { CacheSettings } from '../../src/config/config.ts';
import type { Logger } from '../../src/log/logger.ts';
import { type Caches, openCaches, type ServedCache } from '../../src/sessions/caches.ts';
import type { MemoryRoom } from '../../src/sessions/memory-share.ts';
import type { Clock } from '../../src/system/clock.ts';

export function scratchDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'tlsmgr-cache-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface OpenOptions {
  directory: string;
  clock: Clock;
  log?: Logger;
  persistent?: boolean;
  keyFile?: string;
  caches?: Partial<Record<CacheName, Partial<CacheSettings>>>;
  mailOwnerUid?: number;
  lockPatienceMs?: number;
  retrySeconds?: number;
  room?: MemoryRoom;
  otherDatabases?: readonly string[] | undefined;
}

export function openScratchCaches(options: OpenOptions): Caches {
  const settingsOf = (label: CacheName): CacheSettings => ({
    label,
    database: '',
    lifetimeSeconds: 120,
    logOperations: false,
    sizeLimitBytes: 268_435_456,
    entryLimit: 0,
    ...options.caches?.[label],
  });
  return openCaches(
    {
      caches: new Map(
        cachesNamed(Object.keys(options.caches ?? {})).map(({ name }) => [name, settingsOf(name)]),
      ),
      persistentCaches: options.persistent ?? false,
      cacheKeyFile: options.keyFile ?? '',
      dataDirectory: options.directory,
      mailOwner: {
        name: 'postfix',
        uid: options.mailOwnerUid ?? process.getuid?.() ?? 0,
        gid: process.getgid?.() ?? 0,
      },
      defaultDatabaseType: 'hash',
      otherDatabases: 'otherDatabases' in options ? options.otherDatabases : [],
    },
    {
      log: options.log ?? new LogLines(),
      clock: options.clock,
      lockPatienceMs: options.lockPatienceMs ?? 1000,
      retrySeconds: options.retrySeconds,
      ...(options.room === undefined ? {} : { room: options.room }),
    },
  );
}

export function named({ all }: Caches, name: CacheName): ServedCache {
  const found = all.find(({ label }) => label === name);
  if (found === undefined) {
    throw new Error(`no cache is called ${name}`);
  }
  return found;
}
