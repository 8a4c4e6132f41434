/** The keys that seal cache files, as the settings ask for them. */
import { FatalError } from '../errors.ts';
import type { Logger } from '../log/logger.ts';
import { type CacheKeys, readCacheKeys } from './file/cache-keys.ts';
import type { CachesSettings } from './wanted.ts';

/** @returns undefined when files aren't sealed. Throws FatalError when the key file can't be used. */
export function keysOf(settings: CachesSettings, log: Logger): CacheKeys | undefined {
  return settings.persistentCaches && settings.cacheKeyFile !== ''
    ? readCacheKeys(settings.cacheKeyFile, log)
    : undefined;
}

/**
 * For the start. If the key file can't be used, mail goes on without cache files.
 * Nothing is written unsealed, and no sealed file is lost.
 * @returns the keys, and what is wrong with the key file; empty if nothing is.
 */
export function keysAtStart(
  settings: CachesSettings,
  log: Logger,
): { keys: CacheKeys | undefined; fault: string } {
  try {
    return { keys: keysOf(settings, log), fault: '' };
  } catch (error) {
    if (!(error instanceof FatalError)) {
      throw error;
    }
    log.error(
      `${error.message}: session caches with a file are kept in memory alone. Mend the key file (tlsmgr check), then start again or run postfix reload`,
    );
    return { keys: undefined, fault: error.message };
  }
}
