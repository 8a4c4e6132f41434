/**
 * Lists the entries of a circular log by pages, in the order of arrival. The
 * cursor is the arrival number of the last record that the page before has
 * looked at. So when entries come and go between two pages, no other entry is
 * listed twice or left out.
 */
import type { EntryPage, ListedEntry } from '../session-cache.ts';
import type { CacheTime } from './cache-time.ts';
import { recordHeaderBytes, type Segment, word } from './segment.ts';

/** The most records that one page looks at. A long run of dead records must not delay requests. */
const scanLimit = 20_000;
/** The most entries of one page. */
const largestPage = 1000;
/** The most bytes of all ids of one page together. A longer id has a page of its own. */
const longestIdsBytes = 48 * 1024;

export interface ListedLog {
  /** The oldest segment. */
  first: Segment | undefined;
  time: CacheTime;
  lifetimeSeconds: number;
}

/**
 * @param cursor empty for the first page, else the `nextCursor` of the page before;
 * anything else starts at the first page. @param limit the most entries of this page.
 */
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
