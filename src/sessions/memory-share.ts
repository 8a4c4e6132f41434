/**
 * How much the caches may hold if memory is limited. They get what main.cf asks
 * for if all of it fits beside the rest of the process. Otherwise every limit is
 * reduced by the same factor.
 */
import type { CacheName } from '../config/cache-names.ts';
import type { MemoryLimit } from '../system/memory-limits.ts';

export interface MemoryRoom {
  /** Memory for all caches; Infinity without a limit. */
  bytes: number;
  /** The limit that leaves the least memory. */
  limit: MemoryLimit | undefined;
}

const mebibyte = 1024 * 1024;
/** What the process may need beyond what it has at start: garbage, connections, the log. */
const reserveBytes = { memory: 48 * mebibyte, 'address space': 160 * mebibyte };
/** Other processes share the control group, most likely those of Postfix. */
const shareOfSharedGroup = 1 / 2;
/** Memory for a byte of ids and sessions, with headers, index and dead records (docs/cache.md). */
const memoryPerByte = 1.4;
/** Memory of a cache that is nearly empty. */
const fixedBytes = 8 * mebibyte;
/** A limit is never reduced below this. */
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

/** The most memory that a cache with this size limit takes, with sessions of usual length. */
export function memoryFor(limitBytes: number): number {
  return fixedBytes + limitBytes * memoryPerByte;
}

/** @param wanted the size limits that are asked for; 0: no limit. @returns the limits in force. */
export function fitInto(
  room: number,
  wanted: ReadonlyMap<CacheName, number>,
): Map<CacheName, number> {
  if (room === Number.POSITIVE_INFINITY) {
    return new Map(wanted);
  }
  const budget = Math.max(0, room - wanted.size * fixedBytes) / memoryPerByte;
  // A cache without a limit could take all the memory.
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
