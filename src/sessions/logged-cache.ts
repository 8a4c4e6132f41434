/**
 * A cache whose operations are logged, with one info line for each, as the
 * loglevel `cache` asks for. Session data is never logged.
 *
 * Texts: Postfix src/tlsmgr/tlsmgr.c, src/tls/tls_scache.c.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { Logger } from '../log/logger.ts';
import { type MaybeLater, whenKnown } from '../system/later.ts';
import type {
  ByteSpan,
  CacheLimits,
  CacheStatistics,
  EntryPage,
  SessionCache,
} from './session-cache.ts';

function textOf(id: ByteSpan): string {
  return id.buffer.toString('utf8', id.start, id.end);
}

export class LoggedCache implements SessionCache {
  readonly #label: CacheName;
  readonly #cache: SessionCache;
  readonly #log: Logger;
  readonly #nowSeconds: () => number;

  /** @param nowSeconds the time at which a session is stored now: seconds since 1970. */
  constructor(label: CacheName, cache: SessionCache, log: Logger, nowSeconds: () => number) {
    this.#label = label;
    this.#cache = cache;
    this.#log = log;
    this.#nowSeconds = nowSeconds;
  }

  lookup(id: ByteSpan): MaybeLater<ByteSpan | undefined> {
    // When an answer comes later, the id belongs to the caller again.
    const text = textOf(id);
    this.#log.info(`lookup ${this.#label} session id=${text}`, 'soon');
    return whenKnown(this.#cache.lookup(id), (found) => {
      if (found !== undefined) {
        this.#logEntry('read', text, this.#cache.storedAtSeconds(found), found.end - found.start);
      }
      return found;
    });
  }

  storedAtSeconds(found: ByteSpan): number {
    return this.#cache.storedAtSeconds(found);
  }

  update(id: ByteSpan, session: ByteSpan): MaybeLater<void> {
    // When an answer comes later, both spans belong to the caller again.
    const text = textOf(id);
    const bytes = session.end - session.start;
    const storedAt = this.#nowSeconds();
    this.#log.info(`put ${this.#label} session id=${text} [data ${bytes} bytes]`, 'soon');
    return whenKnown(this.#cache.update(id, session), () => {
      this.#logEntry('write', text, storedAt, bytes);
    });
  }

  delete(id: ByteSpan): MaybeLater<boolean> {
    this.#log.info(`delete ${this.#label} session id=${textOf(id)}`, 'soon');
    return this.#cache.delete(id);
  }

  flush(): MaybeLater<number> {
    return this.#cache.flush();
  }

  list(cursor: string, limit: number): MaybeLater<EntryPage> {
    return this.#cache.list(cursor, limit);
  }

  statistics(): CacheStatistics {
    return this.#cache.statistics();
  }

  change(limits: CacheLimits): void {
    this.#cache.change(limits);
  }

  closeNow(): void {
    this.#cache.closeNow();
  }

  #logEntry(verb: 'read' | 'write', id: string, timeSeconds: number, bytes: number): void {
    this.#log.info(
      `${verb} ${this.#label} TLS cache entry ${id}: time=${timeSeconds} [data ${bytes} bytes]`,
      'soon',
    );
  }
}
