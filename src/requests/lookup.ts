/**
 * lookup: the session stored under an id.
 *
 *     request=lookup cache_type=STRING cache_id=STRING
 *     status session=DATA                ; -1 not found, -2 cache off
 *
 * Source: src/tlsmgr/tlsmgr.c.
 */
import type { LogWarning } from '../log/logger.ts';
import { type Encoder, encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import { isLater } from '../system/later.ts';
import type { ByteSpan, NamedCaches } from '../sessions/session-cache.ts';
import { namedCache } from './named-cache.ts';
import { replyWith, type RequestType, writeRefusal } from './request-type.ts';

const sessionName = encodedName('session');

export function lookupRequest(caches: NamedCaches, warn: LogWarning): RequestType {
  const answer = (found: ByteSpan | undefined, reply: Encoder): number => {
    if (found === undefined) {
      return writeRefusal(type, status.error, reply);
    }
    reply.status(status.ok);
    reply.data(sessionName, found.buffer, found.start, found.end);
    reply.end();
    return status.ok;
  };
  /** A promised session belongs to us (session-cache.ts), so it is overwritten after use. */
  const answerWithOwn = (found: ByteSpan | undefined, reply: Encoder): number => {
    const code = answer(found, reply);
    found?.buffer.fill(0, found.start, found.end);
    return code;
  };
  const type: RequestType = {
    name: 'lookup',
    attributes: [
      { name: 'cache_type', kind: 'string' },
      { name: 'cache_id', kind: 'string' },
    ],
    reply: [{ name: 'session', kind: 'data' }],
    handle(args, reply) {
      const cache = namedCache(caches, args.spans[0]!, 'lookup', warn)?.cache;
      if (cache === undefined) {
        return writeRefusal(type, status.fail, reply);
      }
      const found = cache.lookup(args.spans[1]!);
      return replyWith(found, reply, isLater(found) ? answerWithOwn : answer);
    },
  };
  return type;
}
