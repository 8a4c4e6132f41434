/**
 * list: a page of a cache's entries, oldest first, without their sessions. Not
 * a request of Postfix's clients.
 *
 *     request=list cache_type=STRING cursor=STRING limit=NUMBER
 *     status entries=STRING cursor=STRING ; -2 cache off, or a bad limit
 *
 * The cursor of the request is empty for the first page. The cursor of the reply
 * is empty after the last page. The entries are a JSON array of
 * { id, bytes, stored, expires }: the id in base64, the size of the session, and
 * two times in seconds since 1970.
 */
import type { LogWarning } from '../log/logger.ts';
import { type Encoder, encodedName } from '../protocol/encoder.ts';
import { status } from '../protocol/names.ts';
import type { EntryPage, NamedCaches } from '../sessions/session-cache.ts';
import { namedCache } from './named-cache.ts';
import { replyWith, type RequestType, writeRefusal } from './request-type.ts';

/** The most entries of a page: a page must not delay other requests. */
export const longestPage = 500;

const entriesName = encodedName('entries');
const cursorName = encodedName('cursor');

export function listRequest(caches: NamedCaches, warn: LogWarning): RequestType {
  const answer = (page: EntryPage, reply: Encoder): number => {
    const entries = page.entries.map((entry) => ({
      id: entry.id.toString('base64'),
      bytes: entry.sessionBytes,
      stored: entry.storedAtSeconds,
      expires: entry.expiresAtSeconds,
    }));
    reply.status(status.ok);
    reply.string(entriesName, JSON.stringify(entries));
    reply.string(cursorName, page.nextCursor);
    reply.end();
    return status.ok;
  };
  const type: RequestType = {
    name: 'list',
    costly: true,
    attributes: [
      { name: 'cache_type', kind: 'string' },
      { name: 'cursor', kind: 'string' },
      { name: 'limit', kind: 'number' },
    ],
    reply: [
      { name: 'entries', kind: 'string' },
      { name: 'cursor', kind: 'string' },
    ],
    handle(args, reply) {
      const cache = namedCache(caches, args.spans[0]!, 'list', warn)?.cache;
      const limit = args.numbers[2]!;
      if (cache === undefined || limit < 1 || limit > longestPage) {
        return writeRefusal(type, status.fail, reply);
      }
      const { buffer, start, end } = args.spans[1]!;
      return replyWith(cache.list(buffer.toString('latin1', start, end), limit), reply, answer);
    },
  };
  return type;
}
