/**
 * delete: forget a session.
 *
 *     request=delete cache_type=STRING cache_id=STRING
 *     status                             ; -1 there was none, -2 cache off
 *
 * Source: src/tlsmgr/tlsmgr.c.
 */
import type { LogWarning } from '../log/logger.ts';
import { status } from '../protocol/names.ts';
import type { NamedCaches } from '../sessions/session-cache.ts';
import { namedCache } from './cache-request.ts';
import { type RequestType, writeRefusal } from './request-type.ts';

export function deleteRequest(caches: NamedCaches, warn: LogWarning): RequestType {
  const outcome = (wasThere: boolean): number => (wasThere ? status.ok : status.error);
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
      const done = cache.delete(args.spans[1]!);
      return done instanceof Promise
        ? done.then((wasThere) => (later) => writeRefusal(type, outcome(wasThere), later))
        : writeRefusal(type, outcome(done), reply);
    },
  };
  return type;
}
