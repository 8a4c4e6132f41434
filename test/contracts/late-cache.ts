/** A session cache that answers later, as one across a network does. */
import type { ByteSpan, EntryPage, SessionCache } from '../../src/sessions/session-cache.ts';

function copied(span: ByteSpan): ByteSpan {
  const buffer = Buffer.from(span.buffer.subarray(span.start, span.end));
  return { buffer, start: 0, end: buffer.length };
}

/**
 * @param cache one that answers at once.
 * @param travel what each call waits for before it reaches the cache.
 */
export function lateCache(
  cache: SessionCache,
  travel: () => Promise<void> = () => Promise.resolve(),
): SessionCache {
  const storedAt = new WeakMap<ByteSpan, number>();
  return {
    async lookup(id) {
      const wanted = copied(id);
      await travel();
      const found = cache.lookup(wanted);
      if (found instanceof Promise) {
        throw new TypeError('the cache behind it answers later itself');
      }
      if (found === undefined) {
        return undefined;
      }
      // Lent until the next call on the cache: copied before any other has its turn.
      const own = copied(found);
      storedAt.set(own, cache.storedAtSeconds(found));
      return own;
    },
    storedAtSeconds: (found) => storedAt.get(found)!,
    async update(id, session) {
      const [wanted, stored] = [copied(id), copied(session)];
      await travel();
      await cache.update(wanted, stored);
    },
    async delete(id) {
      const wanted = copied(id);
      await travel();
      return cache.delete(wanted);
    },
    async flush() {
      await travel();
      return cache.flush();
    },
    async list(cursor, limit): Promise<EntryPage> {
      await travel();
      return cache.list(cursor, limit);
    },
    statistics: () => cache.statistics(),
    change: (limits) => cache.change(limits),
    closeNow: () => cache.closeNow(),
  };
}
