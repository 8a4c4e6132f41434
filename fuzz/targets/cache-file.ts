/** A cache file that is damaged, in the clear or sealed, and read back. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { type CacheKeys, readCacheKeys } from '../../src/sessions/file/cache-keys.ts';
import {
  contentOf,
  frontBytes,
  idOf,
  ids,
  openCache,
  pathOf,
  sampleInput,
  sessionOf,
  writeInput,
} from '../cache-sample.ts';
import { latin1, type Target } from '../target.ts';

function cacheFileTarget(name: string, keys: CacheKeys | undefined): Target {
  const seed = sampleInput(keys);
  return {
    name,
    promise:
      'what is read back is what was stored under that id, or nothing; the start never fails',
    seeds: [seed],
    words: [
      seed.subarray(0, 80),
      seed.subarray(2 * frontBytes, 2 * frontBytes + 64),
      Buffer.alloc(32),
      latin1('tlsmgrSC'),
    ],
    testRuns: 200,
    async run(input) {
      const path = pathOf(name);
      writeInput(path, input);
      const opened = openCache(path, keys);
      if (opened === undefined) {
        return;
      }
      const { log, loaded } = opened;
      await loaded;
      for (let number = 0; number < ids; number += 1) {
        const found = sessionOf(log, idOf(number));
        assert.ok(found === undefined || found === contentOf(number), 'a session under another id');
      }
      assert.ok(log.statistics().entries <= ids, 'entries that nobody stored');
      log.closeNow();
    },
  };
}

function someKeys(): CacheKeys {
  const path = pathOf('keys');
  writeFileSync(path, Buffer.alloc(32, 'k'), { mode: 0o600 });
  return readCacheKeys(path, { verbose: 0, info: () => {}, warning: () => {}, error: () => {} });
}

export const plainCacheFileTarget = cacheFileTarget('cache-file', undefined);
export const sealedCacheFileTarget = cacheFileTarget('sealed-cache-file', someKeys());
