/**
 * All requests, the most frequent ones first. To add a request, add a row.
 */
import type { LogWarning } from '../log/logger.ts';
import type { RandomPool } from '../prng/random.ts';
import type { KeySource } from '../tickets/key-source.ts';
import type { NamedCaches } from '../sessions/session-cache.ts';
import { deleteRequest } from './delete.ts';
import { flushRequest } from './flush.ts';
import { listRequest } from './list.ts';
import { lookupRequest } from './lookup.ts';
import { policyRequest } from './policy.ts';
import type { RequestType } from './request-type.ts';
import { seedRequest } from './seed.ts';
import { statsRequest } from './stats.ts';
import { ticketKeyRequest } from './ticket-key.ts';
import { ticketRingRequest } from './ticket-ring.ts';
import { updateRequest } from './update.ts';

/** What the handlers of requests use. */
export interface RequestContext {
  pool: RandomPool;
  caches: NamedCaches;
  keys: KeySource;
  /** Makes the report that `stats` returns. */
  report: () => object;
  warn: LogWarning;
}

export function requestTypes({ pool, caches, keys, report, warn }: RequestContext): RequestType[] {
  return [
    seedRequest(pool, warn),
    updateRequest(caches, pool, warn),
    lookupRequest(caches, warn),
    policyRequest(caches, warn),
    ticketKeyRequest(keys, warn),
    deleteRequest(caches, warn),
    statsRequest(report),
    listRequest(caches, warn),
    flushRequest(caches, warn),
    ticketRingRequest(keys, warn),
  ];
}
