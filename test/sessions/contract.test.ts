/** Every kind of cache passes the contract. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LogLines } from '../log-lines.ts';
import {
  type CacheUnderTest,
  type ContractLimits,
  sessionCacheContract,
  TestClock,
} from '../contracts/session-cache.ts';
import { lateCache } from '../contracts/late-cache.ts';
import { LoggedCache } from '../../src/sessions/logged-cache.ts';
import { named, openScratchCaches, scratchDirectory } from './scratch.ts';

function opener(
  database: (directory: string) => string,
  more: { persistent?: boolean; sealed?: boolean; logOperations?: boolean; late?: boolean } = {},
): (limits: ContractLimits) => CacheUnderTest {
  return (limits) => {
    const scratch = scratchDirectory();
    const clock = new TestClock();
    const keyFile = join(scratch.path, 'keys');
    if (more.sealed === true) {
      writeFileSync(keyFile, `${'5a'.repeat(32)}\n`, { mode: 0o600 });
    }
    const caches = openScratchCaches({
      directory: scratch.path,
      clock,
      persistent: more.persistent ?? false,
      keyFile: more.sealed === true ? keyFile : '',
      caches: {
        smtpd: {
          database: database(scratch.path),
          logOperations: more.logOperations ?? false,
          ...limits,
        },
      },
    });
    const cache = named(caches, 'smtpd').cache!;
    const log = new LogLines();
    return {
      cache:
        more.late === true
          ? new LoggedCache('smtpd', lateCache(cache), log, () => clock.nowSeconds())
          : cache,
      clock,
      end: () => {
        caches.closeNow();
        scratch.remove();
      },
    };
  };
}

sessionCacheContract(
  'memory',
  opener(() => 'internal:'),
);
sessionCacheContract(
  'file, not persistent',
  opener((directory) => `btree:${directory}/scache`),
);
sessionCacheContract(
  'file, persistent',
  opener((directory) => `${directory}/scache`, { persistent: true }),
);
sessionCacheContract(
  'file, persistent and sealed, operations logged',
  opener((directory) => `lmdb:${directory}/scache`, {
    persistent: true,
    sealed: true,
    logOperations: true,
  }),
);
sessionCacheContract(
  'one that answers later, operations logged',
  opener(() => 'internal:', { late: true }),
);
