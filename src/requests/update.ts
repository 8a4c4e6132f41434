/**
 * update: store a session, in the place of an earlier one of the same id.
 *
 *     request=update cache_type=STRING cache_id=STRING session=DATA
 *     status                             ; -2 cache off
 *
 * A digest of a sample of the sessions is stirred into the pool, as the manual
 * page of tlsmgr(8) says. Source: src/tlsmgr/tlsmgr.c.
 */
import type { LogWarning } from '../log/logger.ts';
import type { Encoder } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import type { RandomPool } from '../prng/random.ts';
import type { NamedCaches } from '../sessions/session-cache.ts';
import { namedCache } from './named-cache.ts';
import { replyWith, type RequestType, writeRefusal } from './request-type.ts';

export function updateRequest(
  caches: NamedCaches,
  pool: RandomPool,
  warn: LogWarning,
): RequestType {
  const answer = (_done: void, reply: Encoder): number => writeRefusal(type, status.ok, reply);
  const type: RequestType = {
    name: 'update',
    attributes: [
      { name: 'cache_type', kind: 'string' },
      { name: 'cache_id', kind: 'string' },
      { name: 'session', kind: 'data' },
    ],
    reply: [],
    handle(args, reply) {
      const cache = namedCache(caches, args.spans[0]!, 'update', warn)?.cache;
      if (cache === undefined) {
        return writeRefusal(type, status.fail, reply);
      }
      const session = args.spans[2]!;
      pool.stirData(session.buffer, session.start, session.end);
      return replyWith(cache.update(args.spans[1]!, session), reply, answer);
    },
  };
  return type;
}
