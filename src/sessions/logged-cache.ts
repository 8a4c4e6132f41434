/**
 * A cache whose operations are logged, one info line each, as the loglevel
 * `cache` asks for. Session data never is.
 *
 * Texts: Postfix src/tlsmgr/tlsmgr.c, src/tls/tls_scache.c.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { Logger } from '../log/logger.ts';
import type { CircularLog } from './memory/circular-log.ts';
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
  readonly #cache: CircularLog;
  readonly #log: Logger;

  constructor(label: CacheName, cache: CircularLog, log: Logger) {
    this.#label = label;
    this.#cache = cache;
    this.#log = log;
  }

  lookup(id: ByteSpan): ByteSpan | undefined {
    this.#log.info(`lookup ${this.#label} session id=${textOf(id)}`);
    const found = this.#cache.lookup(id);
    if (found !== undefined) {
      const storedAt = this.#cache.time.toWall(this.#cache.foundStoredAtSeconds);
      this.#logEntry('read', id, storedAt, found);
    }
    return found;
  }

  update(id: ByteSpan, session: ByteSpan): void {
    const bytes = session.end - session.start;
    this.#log.info(`put ${this.#label} session id=${textOf(id)} [data ${bytes} bytes]`);
    const now = this.#cache.time.toWall(this.#cache.time.now());
    this.#logEntry('write', id, now, session);
    this.#cache.update(id, session);
  }

  delete(id: ByteSpan): boolean {
    this.#log.info(`delete ${this.#label} session id=${textOf(id)}`);
    return this.#cache.delete(id);
  }

  flush(): number {
    return this.#cache.flush();
  }

  list(cursor: string, limit: number): EntryPage {
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

  #logEntry(verb: 'read' | 'write', id: ByteSpan, timeSeconds: number, session: ByteSpan): void {
    const bytes = session.end - session.start;
    this.#log.info(
      `${verb} ${this.#label} TLS cache entry ${textOf(id)}: time=${timeSeconds} [data ${bytes} bytes]`,
    );
  }
}
