/** How many sessions that one host has begun are resumed by each of the others. */
import assert from 'node:assert/strict';
import { handshake, type Kind } from './handshakes.ts';
import { type HostFleet, nameOf } from './host-fleet.ts';

export interface PairCount {
  from: string;
  to: string;
  resumed: number;
  of: number;
}

/** A client's sessions, one a host that began it. */
export async function beginSessions(fleet: HostFleet, kind: Kind): Promise<Buffer[]> {
  const sessions: Buffer[] = [];
  for (const [index, host] of fleet.hosts.entries()) {
    const { resumed, session } = await handshake(host, kind);
    assert.ok(!resumed);
    sessions.push(session);
    await fleet.written(index);
  }
  return sessions;
}

/** Offers each session to all hosts but the one that began it. */
export async function offerToOthers(
  fleet: HostFleet,
  kind: Kind,
  sessions: readonly Buffer[],
): Promise<PairCount[]> {
  const counts: PairCount[] = [];
  for (const [from, session] of sessions.entries()) {
    for (const [to, host] of fleet.hosts.entries()) {
      if (to !== from) {
        const { resumed } = await handshake(host, kind, session);
        counts.push({ from: nameOf(from), to: nameOf(to), resumed: resumed ? 1 : 0, of: 1 });
      }
    }
  }
  return counts;
}

/** All ordered pairs of hosts, so many times. */
export async function measurePairs(fleet: HostFleet, kind: Kind, times = 1): Promise<PairCount[]> {
  const rounds: PairCount[][] = [];
  for (let time = 0; time < times; time += 1) {
    rounds.push(await offerToOthers(fleet, kind, await beginSessions(fleet, kind)));
  }
  return rounds[0]!.map((pair, index) => ({
    ...pair,
    resumed: rounds.reduce((sum, round) => sum + round[index]!.resumed, 0),
    of: times,
  }));
}

/** `6 of 6`, or with the pairs that have lost some: `5 of 6 (host-a to host-c 0 of 1)`. */
export function summaryOf(counts: readonly PairCount[]): string {
  const sum = (pick: (count: PairCount) => number): number =>
    counts.reduce((total, count) => total + pick(count), 0);
  const lost = counts.filter(({ resumed, of }) => resumed < of);
  const named = lost.map(({ from, to, resumed, of }) => `${from} to ${to} ${resumed} of ${of}`);
  const total = `${sum(({ resumed }) => resumed)} of ${sum(({ of }) => of)}`;
  return lost.length === 0 || lost.length === counts.length
    ? total
    : `${total} (${named.join(', ')})`;
}
