/** The size limits in force: those of main.cf, or lower ones if memory is limited. */
import type { CacheName } from '../config/cache-names.ts';
import type { CacheSettings } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { fitInto, type MemoryRoom } from './memory-share.ts';
import { type CachesSettings, isEnabled } from './wanted.ts';

export class SizeLimits {
  readonly #room: MemoryRoom | undefined;
  readonly #log: Logger;
  #bytes: ReadonlyMap<CacheName, number> = new Map();
  #told = '';

  constructor(room: MemoryRoom | undefined, log: Logger) {
    this.#room = room;
    this.#log = log;
  }

  /** Divides the memory among the caches that are on. Logs a warning when there is less than they ask for. */
  fit({ caches }: CachesSettings): void {
    if (this.#room?.limit === undefined) {
      return;
    }
    const wanted = new Map(
      [...caches.values()]
        .filter((settings) => isEnabled(settings))
        .map(({ label, sizeLimitBytes }) => [label, sizeLimitBytes]),
    );
    this.#bytes = fitInto(this.#room.bytes, wanted);
    const lower = [...this.#bytes].filter(([label, bytes]) => bytes !== wanted.get(label));
    const told = lower
      .map(([label, bytes]) => `${label}_tls_session_cache_size_limit = ${bytes}`)
      .join(', ');
    if (told !== '' && told !== this.#told) {
      const { name, bytes } = this.#room.limit;
      this.#log.warning(
        `memory is limited to ${bytes} bytes (${name}): session caches go by ${told}`,
      );
    }
    this.#told = told;
  }

  /** @returns the cache's settings, with the size limit in force. */
  applyTo(settings: CacheSettings): CacheSettings {
    const { label, sizeLimitBytes } = settings;
    return { ...settings, sizeLimitBytes: this.#bytes.get(label) ?? sizeLimitBytes };
  }
}
