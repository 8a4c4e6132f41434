/** Which cache uses which file, by device and inode: no two may share one. */
import type { CacheName } from '../config/cache-names.ts';
import type { CacheSettings } from '../config/config.ts';
import { refuseSharedFile } from './wanted.ts';

export class FileClaims {
  readonly #owners = new Map<string, CacheSettings>();

  /** Throws FatalError when the file is another cache's. */
  claim(identity: string, settings: CacheSettings): void {
    const other = this.#owners.get(identity);
    if (other !== undefined && other.label !== settings.label) {
      refuseSharedFile(other, settings);
    }
    // A cache has one file: that of before has been put aside.
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
