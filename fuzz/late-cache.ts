/** A session cache that answers later, as one across a network does. */
import type { ByteSpan, EntryPage, SessionCache } from '../src/sessions/session-cache.ts';

function copied(span: ByteSpan): ByteSpan {
  const buffer = Buffer.from(span.buffer.subarray(span.start, span.end));
  return { buffer, start: 0, end: buffer.length };
}

/** @param cache one that answers at once. */
export function lateCache(cache: SessionCache): SessionCache {
  return {
    async lookup(id) {
      const wanted = copied(id);
      await Promise.resolve();
      const found = await cache.lookup(wanted);
      return found === undefined ? undefined : copied(found);
    },
    async update(id, session) {
      const [wanted, stored] = [copied(id), copied(session)];
      await Promise.resolve();
      await cache.update(wanted, stored);
    },
    async delete(id) {
      const wanted = copied(id);
      await Promise.resolve();
      return cache.delete(wanted);
    },
    async flush() {
      await Promise.resolve();
      return cache.flush();
    },
    async list(cursor, limit): Promise<EntryPage> {
      await Promise.resolve();
      return cache.list(cursor, limit);
    },
    statistics: () => cache.statistics(),
    change: (limits) => cache.change(limits),
    closeNow: () => cache.closeNow(),
  };
}
