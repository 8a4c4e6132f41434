/** Which file each cache has, and that no two have the same. */
import { resolve } from 'node:path';
import { type CacheName, isPostfixCache } from '../../config/cache-names.ts';
import type { Config } from '../../config/config.ts';
import { fileSuffix } from '../../sessions/file/cache-file.ts';
import type { Logger } from '../../log/logger.ts';
import { parameterOf } from '../../sessions/caches.ts';
import { examine } from './access.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

export interface CacheFile {
  label: CacheName;
  parameter: string;
  database: string;
  /** As main.cf has it. */
  named: string;
  /** The same from /. */
  asked: string;
  /** After redirection, without suffix. */
  path: string;
}

/** Gives a cache the file that it usually has. */
export function databaseRemedy(label: CacheName): string {
  return `postconf '${parameterOf(label)}=btree:$data_directory/${label}_scache'; postfix reload`;
}

/** Files are the same by path, or by device and inode. */
export function sharedFindings(files: readonly CacheFile[], config: Config): Finding[] {
  const findings: Finding[] = [];
  for (const [index, one] of files.entries()) {
    for (const other of files.slice(index + 1)) {
      if (identity(one.path) === identity(other.path)) {
        const moved = [one, other].some(({ path, asked }) => path !== asked);
        findings.push({
          severity: 'error',
          name: 'cache-shared',
          text: `do not use the same TLS cache file ${one.database} for ${one.label} and ${other.label}${moved ? `, which both are ${one.path} after redirection` : ''}: ${isPostfixCache(other.label) ? "the daemon can't start" : `the ${other.label} cache is off`}`,
          remedy: partingRemedy(one, other, config),
        });
      }
    }
  }
  return findings;
}

/** One of the two that isn't where it usually is goes there; else the name that they share goes. */
function partingRemedy(one: CacheFile, other: CacheFile, { dataDirectory }: Config): string {
  const moving = [other, one].find(
    ({ label, asked }) => asked !== resolve(dataDirectory, `${label}_scache`),
  );
  return moving === undefined
    ? `rm ${shellWord(other.path + fileSuffix)}; postfix reload`
    : databaseRemedy(moving.label);
}

function identity(path: string): string {
  const found = examine(path + fileSuffix);
  // A file with several names is used by no cache.
  return found?.nlink === 1 ? `${found.dev}:${found.ino}` : resolve(path);
}

/** The redirection's warnings are a finding of their own here. */
export const unheard: Logger = {
  verbose: 0,
  info: () => undefined,
  warning: () => undefined,
  error: () => undefined,
};
