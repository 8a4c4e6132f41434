/**
 * How much the caches may hold where memory is limited: what main.cf asks for,
 * or less, each by the same share, so that all of them fit beside the rest of
 * the process.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { MemoryLimit } from '../system/memory-limits.ts';

export interface MemoryRoom {
  /** For the caches; Infinity without a limit. */
  bytes: number;
  /** The limit that leaves the least. */
  limit: MemoryLimit | undefined;
}

const mebibyte = 1024 * 1024;
/** What the process may need beyond what it has at start: garbage, connections, the log. */
const reserveBytes = { memory: 48 * mebibyte, 'address space': 160 * mebibyte };
/** Others live in the same control group, Postfix's own processes most likely. */
const shareOfSharedGroup = 1 / 2;
/** Memory for a byte of ids and sessions: headers, index, what is dead (docs/cache.md). */
const memoryPerByte = 1.4;
/** Memory of a cache that holds next to nothing. */
const fixedBytes = 8 * mebibyte;
/** A cache is never made smaller for it. */
export const leastLimitBytes = mebibyte;

export function roomOf(limits: readonly MemoryLimit[]): MemoryRoom {
  let room: MemoryRoom = { bytes: Number.POSITIVE_INFINITY, limit: undefined };
  for (const limit of limits) {
    const left = Math.max(0, limit.bytes - limit.usedBytes - reserveBytes[limit.kind]);
    const bytes = limit.shared ? left * shareOfSharedGroup : left;
    if (bytes < room.bytes) {
      room = { bytes, limit };
    }
  }
  return room;
}

/** Memory that a cache of a size limit takes at most, with sessions of usual length. */
export function memoryFor(limitBytes: number): number {
  return fixedBytes + limitBytes * memoryPerByte;
}

/** @param wanted size limits; 0: none. @returns those in force. */
export function fitInto(
  room: number,
  wanted: ReadonlyMap<CacheName, number>,
): Map<CacheName, number> {
  if (room === Number.POSITIVE_INFINITY) {
    return new Map(wanted);
  }
  const budget = Math.max(0, room - wanted.size * fixedBytes) / memoryPerByte;
  // A cache without a limit could take all there is.
  const asked = new Map(
    [...wanted].map(([label, limit]) => [label, limit === 0 ? Math.ceil(budget) : limit]),
  );
  const sum = [...asked.values()].reduce((total, limit) => total + limit, 0);
  const share = sum <= budget ? 1 : budget / sum;
  return new Map(
    [...asked].map(([label, limit]) => [
      label,
      Math.max(Math.min(limit, leastLimitBytes), Math.floor(limit * share)) || leastLimitBytes,
    ]),
  );
}
