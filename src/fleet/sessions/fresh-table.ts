/**
 * Remembers which sessions the fleet has a young copy of: one with more than half
 * of its life left. Such a copy isn't replaced. Otherwise a server that sends a
 * ticket with each handshake would turn each delivery into a write.
 *
 * It holds hashes of ids, each in the one slot that it leads to. A later hash takes
 * the slot of an earlier one; then a copy is replaced too early. If two ids have the
 * same hash, a copy is replaced too late. Neither does harm. The hash has a random
 * key of this process, so nobody can choose ids that collide.
 */
import type { CacheName } from '../../config/cache-names.ts';
import { idHashOf, type IdHash } from '../../sessions/memory/id-hash.ts';
import type { ByteSpan } from '../../sessions/session-cache.ts';
import type { Clock } from '../../system/clock.ts';

/** A power of two. */
const slots = 65_536;

export class FreshTable {
  readonly #clock: Clock;
  readonly #hash: IdHash;
  readonly #hashes = new Int32Array(slots);
  /** Until when the copy is young, in seconds of the monotonic clock; 0: nothing is known. */
  readonly #untilSeconds = new Uint32Array(slots);
  readonly #saltOf = new Map<CacheName, number>();

  /** @param hash for tests. */
  constructor(clock: Clock, hash: IdHash = idHashOf()) {
    this.#clock = clock;
    this.#hash = hash;
  }

  /** The hash of an id in a cache. The same id in two caches has two hashes. */
  hashOf(label: CacheName, id: ByteSpan): number {
    let salt = this.#saltOf.get(label);
    if (salt === undefined) {
      const name = Buffer.from(label);
      salt = this.#hash(name, 0, name.length);
      this.#saltOf.set(label, salt);
    }
    return this.#hash(id.buffer, id.start, id.end) ^ salt;
  }

  isFresh(hash: number): boolean {
    const slot = hash & (slots - 1);
    return this.#hashes[slot] === hash && this.#nowSeconds() < this.#untilSeconds[slot]!;
  }

  /** The fleet has a copy with this much of its life left. */
  note(hash: number, leftMs: number, lifetimeSeconds: number): void {
    const slot = hash & (slots - 1);
    const youngMs = leftMs - lifetimeSeconds * 500;
    this.#hashes[slot] = hash;
    this.#untilSeconds[slot] = youngMs > 0 ? this.#nowSeconds() + Math.floor(youngMs / 1000) : 0;
  }

  /** The fleet has no copy, or none that is known. */
  forget(hash: number): void {
    const slot = hash & (slots - 1);
    if (this.#hashes[slot] === hash) {
      this.#untilSeconds[slot] = 0;
    }
  }

  clear(): void {
    this.#untilSeconds.fill(0);
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.monotonicMs() / 1000);
  }
}
