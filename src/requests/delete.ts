/**
 * delete: forget a session.
 *
 *     request=delete cache_type=STRING cache_id=STRING
 *     status                             ; -1 no such session, -2 cache off
 *
 * Source: src/tlsmgr/tlsmgr.c.
 */
import type { LogWarning } from '../log/logger.ts';
import type { Encoder } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import type { NamedCaches } from '../sessions/session-cache.ts';
import { namedCache } from './named-cache.ts';
import { replyWith, type RequestType, writeRefusal } from './request-type.ts';

export function deleteRequest(caches: NamedCaches, warn: LogWarning): RequestType {
  const answer = (wasThere: boolean, reply: Encoder): number =>
    writeRefusal(type, wasThere ? status.ok : status.error, reply);
  const type: RequestType = {
    name: 'delete',
    attributes: [
      { name: 'cache_type', kind: 'string' },
      { name: 'cache_id', kind: 'string' },
    ],
    reply: [],
    handle(args, reply) {
      const cache = namedCache(caches, args.spans[0]!, 'delete', warn)?.cache;
      if (cache === undefined) {
        return writeRefusal(type, status.fail, reply);
      }
      return replyWith(cache.delete(args.spans[1]!), reply, answer);
    },
  };
  return type;
}
