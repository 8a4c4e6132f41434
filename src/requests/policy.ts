/**
 * policy: whether sessions of a kind can be cached, and for how long.
 *
 *     request=policy cache_type=STRING
 *     status cachable=0|1 timeout=SECONDS
 *
 * The reply has the timeout of a disabled cache too, as clients use it for the
 * lifetime of tickets.
 * Source: src/tlsmgr/tlsmgr.c.
 */
import type { LogWarning } from '../log/logger.ts';
import { encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import type { NamedCaches } from '../sessions/session-cache.ts';
import { namedCache } from './named-cache.ts';
import { type RequestType, writeRefusal } from './request-type.ts';

const cachableName = encodedName('cachable');
const timeoutName = encodedName('timeout');

export function policyRequest(caches: NamedCaches, warn: LogWarning): RequestType {
  const type: RequestType = {
    name: 'policy',
    attributes: [{ name: 'cache_type', kind: 'string' }],
    reply: [
      { name: 'cachable', kind: 'number' },
      { name: 'timeout', kind: 'number' },
    ],
    handle(args, reply) {
      const named = namedCache(caches, args.spans[0]!, 'policy', warn);
      if (named === undefined) {
        return writeRefusal(type, status.fail, reply);
      }
      reply.status(status.ok);
      reply.number(cachableName, named.cache === undefined ? 0 : 1);
      reply.number(timeoutName, named.lifetimeSeconds);
      reply.end();
      return status.ok;
    },
  };
  return type;
}
