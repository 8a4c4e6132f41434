/**
 * flush: drop every entry of a cache. Not a request of Postfix's clients.
 *
 *     request=flush cache_type=STRING
 *     status entries=NUMBER              ; how many there were; -2 cache off
 */
import type { LogWarning } from '../log/logger.ts';
import { type Encoder, encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import type { NamedCaches } from '../sessions/session-cache.ts';
import { namedCache } from './named-cache.ts';
import { replyWith, type RequestType, writeRefusal } from './request-type.ts';

const entriesName = encodedName('entries');

export function flushRequest(caches: NamedCaches, warn: LogWarning): RequestType {
  const answer = (entries: number, reply: Encoder): number => {
    reply.status(status.ok);
    reply.number(entriesName, entries);
    reply.end();
    return status.ok;
  };
  const type: RequestType = {
    name: 'flush',
    costly: true,
    attributes: [{ name: 'cache_type', kind: 'string' }],
    reply: [{ name: 'entries', kind: 'number' }],
    handle(args, reply) {
      const cache = namedCache(caches, args.spans[0]!, 'flush', warn)?.cache;
      if (cache === undefined) {
        return writeRefusal(type, status.fail, reply);
      }
      return replyWith(cache.flush(), reply, answer);
    },
  };
  return type;
}
