/**
 * A shared cache passes the contract of all caches. It keeps no exact limits: what
 * the local cache has evicted is found in the write queue or in the engine.
 */
import { LoggedCache } from '../../../src/sessions/logged-cache.ts';
import type { SessionCache } from '../../../src/sessions/session-cache.ts';
import { lateCache } from '../../contracts/late-cache.ts';
import {
  type CacheUnderTest,
  type ContractLimits,
  sessionCacheContract,
  supportsAll,
  TestClock,
} from '../../contracts/session-cache.ts';
import { fleetHost, type Host, type HostOptions } from './fleet-host.ts';
import { type EngineState, MapServer } from './map-engine.ts';

const supports = { ...supportsAll, exactLimits: false };

function opener(
  more: {
    around?: HostOptions['around'];
    state?: Partial<EngineState>;
    outermost?: (host: Host, clock: TestClock) => SessionCache;
  } = {},
): (limits: ContractLimits) => CacheUnderTest {
  return (limits) => {
    const clock = new TestClock();
    const { around } = more;
    const server = new MapServer(clock);
    const host = fleetHost({ server, clock, limits, ...(around === undefined ? {} : { around }) });
    host.engine.become(more.state ?? {});
    const cache = more.outermost?.(host, clock) ?? host.cache;
    return { cache, clock, end: () => cache.closeNow() };
  };
}

sessionCacheContract('shared', opener(), supports);
sessionCacheContract(
  'shared, the engine away',
  opener({ state: { connection: 'away' } }),
  supports,
);
sessionCacheContract(
  'shared, operations logged',
  opener({
    outermost: ({ cache, log }, clock) =>
      new LoggedCache('smtp', cache, log, () => clock.nowSeconds()),
  }),
  supports,
);
sessionCacheContract(
  'shared, the local one answers later',
  opener({ around: (local) => lateCache(local) }),
  supports,
);
