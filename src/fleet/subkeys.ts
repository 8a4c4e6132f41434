/**
 * The keys that are derived from one secret of the fleet:
 *
 *     K(purpose) = HKDF-SHA-256(secret, no salt, "tlsmgr fleet 1 " purpose)
 *
 * Those of the last purposes are kept, as deriving one takes longer than sealing.
 */
import { hkdfSync } from 'node:crypto';
import { wipe } from '../system/secret-memory.ts';

const prefix = Buffer.from('tlsmgr fleet 1 ', 'latin1');
const noSalt = Buffer.alloc(0);
const keyBytes = 32;

/** The hours of a day in which sessions expire, the periods of ticket keys, and a few others. */
const mostKept = 32;

export class Subkeys {
  readonly #secret: Buffer;
  readonly #kept = new Map<string, Buffer>();

  /** @param secret 32 bytes. wipe() overwrites them. */
  constructor(secret: Buffer) {
    this.#secret = secret;
  }

  /** 32 bytes, which are lent until the next call. */
  of(purpose: string): Buffer {
    let key = this.#kept.get(purpose);
    if (key === undefined) {
      key = this.derive(Buffer.from(purpose), keyBytes);
      this.#keep(purpose, key);
    }
    return key;
  }

  /** As many bytes as wanted, which belong to the caller. */
  derive(purpose: Buffer, bytes: number): Buffer {
    const info = Buffer.concat([prefix, purpose]);
    return Buffer.from(hkdfSync('sha256', this.#secret, noSalt, info, bytes));
  }

  wipe(): void {
    wipe(this.#secret, 0, this.#secret.length);
    for (const key of this.#kept.values()) {
      wipe(key, 0, key.length);
    }
    this.#kept.clear();
  }

  /** The oldest goes. */
  #keep(purpose: string, key: Buffer): void {
    if (this.#kept.size >= mostKept) {
      const [oldest, dropped] = this.#kept.entries().next().value!;
      wipe(dropped, 0, dropped.length);
      this.#kept.delete(oldest);
    }
    this.#kept.set(purpose, key);
  }
}
