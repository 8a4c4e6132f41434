/** Holds which cache uses which file, by device and inode. No two caches may use the same file. */
import type { CacheName } from '../config/cache-names.ts';
import type { CacheSettings } from '../config/config.ts';
import { refuseSharedFile } from './wanted.ts';

export class FileClaims {
  readonly #owners = new Map<string, CacheSettings>();

  /** Throws as refuseSharedFile() when another cache uses the file. */
  claim(identity: string, settings: CacheSettings): void {
    const other = this.#owners.get(identity);
    if (other !== undefined && other.label !== settings.label) {
      refuseSharedFile(other, settings);
    }
    // A cache has one file. An earlier one of this cache was renamed (cache-file.ts).
    this.forget(settings.label);
    this.#owners.set(identity, settings);
  }

  forget(label: CacheName): void {
    for (const [identity, owner] of this.#owners) {
      if (owner.label === label) {
        this.#owners.delete(identity);
      }
    }
  }

  has(identity: string): boolean {
    return this.#owners.has(identity);
  }
}
