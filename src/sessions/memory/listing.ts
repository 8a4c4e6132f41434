/**
 * A page of a listing of a log, in the order of arrival. The cursor is the
 * number of the last arrival that was looked at, so entries that come and go
 * between two pages neither repeat nor hide others.
 */
import type { CacheTime } from './cache-time.ts';
import { type Segment, recordHeaderBytes, word } from './segment.ts';
import type { EntryPage, ListedEntry } from '../session-cache.ts';

/** Records that a page looks at, at most: a long run of dead ones must not hold up requests. */
const scanLimit = 20_000;
const largestPage = 1000;
/** Of the ids of a page, together; a longer id has a page of its own. */
const longestIdsBytes = 48 * 1024;

export interface ListedLog {
  first: Segment | undefined;
  time: CacheTime;
  lifetimeSeconds: number;
}

/** @param cursor empty, or what the page before said. @param limit entries at most. */
export function listPage(log: ListedLog, cursor: string, limit: number): EntryPage {
  const afterArrival = /^[0-9]{1,15}$/.test(cursor) ? Number(cursor) : 0;
  const most = Math.min(Math.max(1, limit), largestPage);
  const now = log.time.now();
  const entries: ListedEntry[] = [];
  let scanned = 0;
  let idsBytes = 0;
  let reached = afterArrival;
  let segment = log.first;
  while (segment !== undefined && segment.lastArrival <= afterArrival) {
    segment = segment.next;
  }
  for (; segment !== undefined; segment = segment.next) {
    for (let at = segment.start; at < segment.used; at += segment.sizeAt(at)) {
      const arrival = segment.arrivalAt(at);
      if (arrival <= afterArrival) {
        continue;
      }
      if (entries.length === most || scanned === scanLimit) {
        return { entries, nextCursor: String(reached) };
      }
      const expiresAt = segment.words[(at >> 2) + word.storedAt]! + log.lifetimeSeconds;
      if (!segment.isDeadAt(at) && now <= expiresAt) {
        idsBytes += segment.words[(at >> 2) + word.idLength]!;
        if (idsBytes > longestIdsBytes && entries.length > 0) {
          return { entries, nextCursor: String(reached) };
        }
        entries.push(entryAt(segment, at, log));
      }
      scanned += 1;
      reached = arrival;
    }
  }
  return { entries, nextCursor: '' };
}

function entryAt(segment: Segment, offset: number, log: ListedLog): ListedEntry {
  const at = offset >> 2;
  const storedAt = segment.words[at + word.storedAt]!;
  const idStart = offset + recordHeaderBytes;
  const idEnd = idStart + segment.words[at + word.idLength]!;
  return {
    id: Buffer.from(segment.buffer.subarray(idStart, idEnd)),
    sessionBytes: segment.words[at + word.sessionLength]!,
    storedAtSeconds: log.time.toWall(storedAt),
    expiresAtSeconds: log.time.toWall(storedAt + log.lifetimeSeconds),
  };
}
