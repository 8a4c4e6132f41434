/**
 * The other hosts of a fleet, as their heartbeats tell of them: who is there, and
 * where they differ from this one. Bounded, whatever is in the engine.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '../log/logger.ts';
import type { Clock } from '../system/clock.ts';
import { type Heartbeat, parseHeartbeat } from './heartbeat-value.ts';
import { differencesOf, type HostFacts } from './host-facts.ts';
import { OwnName } from './own-name.ts';
import type { FleetHost, FleetReport, FleetWarning } from './report.ts';
import { mostForged, type Seals } from './seals.ts';
import { UnopenedFields } from './unopened-fields.ts';

/** Further ones aren't looked at. */
export const mostHosts = 4096;
/** In a report. */
const mostShown = 100;
/** Opened in a turn of the event loop: requests mustn't wait. */
const mostInTurn = 32;
/** Warnings, and lines of the log that one reading makes. */
const mostTold = 10;

const awayAfterMs = 90_000;
/** A host that was away for longer is forgotten. */
export const removedAfterMs = 3_600_000;

interface Host {
  host: string;
  keySet: string;
  version: string;
  /** By the engine's clock. */
  atMs: number;
  away: boolean;
  differs: string[];
  /** Those that are faults, for the log and the warnings. */
  faults: string;
}

export interface OtherHostsOptions {
  seals: Pick<Seals, 'openHeartbeat' | 'forged'>;
  self: Pick<Heartbeat, 'host' | 'process'>;
  clock: Clock;
  log: Logger;
  /** Whether nothing is to be told any more. */
  isStopped: () => boolean;
}

export class OtherHosts {
  readonly #seals: Pick<Seals, 'openHeartbeat' | 'forged'>;
  readonly #self: Pick<Heartbeat, 'host' | 'process'>;
  readonly #log: Logger;
  readonly #unopened: UnopenedFields;
  readonly #ownName: OwnName;
  readonly #isStopped: () => boolean;
  /** By hostKey(). */
  #hosts = new Map<string, Host>();
  /** What the log has been told of a host's faults. */
  readonly #told = new Map<string, string>();

  constructor({ seals, self, clock, log, isStopped }: OtherHostsOptions) {
    this.#seals = seals;
    this.#self = self;
    this.#log = log;
    this.#isStopped = isStopped;
    this.#unopened = new UnopenedFields(clock, log);
    this.#ownName = new OwnName(self, log);
  }

  get size(): number {
    return this.#hosts.size;
  }

  /**
   * Takes in what the engine has, a few in each turn of the event loop.
   * @param nowMs by the engine's clock.
   * @param startedMs when this process has put its first heartbeat, by that clock.
   * @returns the fields that nobody needs any more.
   */
  async take(
    fields: ReadonlyMap<string, Buffer>,
    here: HostFacts,
    nowMs: number,
    startedMs: number,
  ): Promise<string[]> {
    const found = new Map<string, Host>();
    const ofOwnName: Heartbeat[] = [];
    const stale: string[] = [];
    const unopened = new Map<string, Buffer>();
    const forgedUntil = this.#seals.forged + mostForged;
    let inTurn = 0;
    for (const [field, sealed] of fields) {
      inTurn += 1;
      if (inTurn > mostInTurn) {
        inTurn = 1;
        await nextTurn();
        if (this.#isStopped()) {
          // The secrets have been overwritten: nothing opens.
          return [];
        }
      }
      if (this.#seals.forged >= forgedUntil) {
        break;
      }
      const opened = this.#seals.openHeartbeat(field, sealed, nowMs);
      if (opened === undefined) {
        unopened.set(field, sealed);
        continue;
      }
      const heartbeat = parseHeartbeat(opened.bytes);
      if (heartbeat === undefined) {
        // Of a later version, perhaps.
        continue;
      }
      if (nowMs - heartbeat.atMs > removedAfterMs) {
        stale.push(field);
      } else if (heartbeat.host === this.#self.host && heartbeat.facts.keySet === here.keySet) {
        ofOwnName.push(heartbeat);
      } else {
        keepNewest(found, heartbeat, here, nowMs);
      }
    }
    this.#ownName.take(ofOwnName, nowMs, startedMs);
    this.#keepUnread(found, nowMs);
    this.#hosts = found;
    this.#tell();
    return [...stale, ...this.#unopened.take(unopened)];
  }

  /** @param nowMs by the engine's clock. */
  report(nowMs: number): Pick<FleetReport, 'hosts' | 'hostCounts'> {
    const all = [...this.#hosts.values()];
    const hosts = all.toSorted(worstFirst).slice(0, mostShown);
    return {
      hosts: hosts.map((host) => describe(host, nowMs)),
      hostCounts: {
        seen: all.length,
        away: all.filter(({ away }) => away).length,
        differing: all.filter((host) => isFaulty(host)).length,
      },
    };
  }

  warnings(): FleetWarning[] {
    const faulty = [...this.#hosts.values()].filter((host) => isFaulty(host)).toSorted(worstFirst);
    const texts = faulty.slice(0, mostTold).map(({ host, faults }) => `${host} has ${faults}`);
    const more = faulty.length - texts.length;
    return [
      ...texts,
      ...(more > 0 ? [moreText(more)] : []),
      ...this.#ownName.warnings(),
      ...this.#unopened.warnings(),
    ].map((text) => ({ name: 'fleet-differs', text }));
  }

  /** An engine that was emptied gets its heartbeats again: who was there is no less there. */
  #keepUnread(found: Map<string, Host>, nowMs: number): void {
    for (const [key, host] of this.#hosts) {
      const ageMs = nowMs - host.atMs;
      if (!found.has(key) && found.size < mostHosts && ageMs <= removedAfterMs) {
        found.set(key, { ...host, away: ageMs > awayAfterMs });
      }
    }
  }

  /** Each change once. */
  #tell(): void {
    let lines = 0;
    let more = 0;
    for (const [key, { host, faults, away }] of this.#hosts) {
      if (away || faults === (this.#told.get(key) ?? '')) {
        continue;
      }
      this.#told.set(key, faults);
      if (lines === mostTold) {
        more += faults === '' ? 0 : 1;
        continue;
      }
      lines += 1;
      if (faults === '') {
        this.#log.info(`fleet: ${host} no longer differs from this host`);
      } else {
        this.#log.warning(`fleet: ${host} has ${faults}`);
      }
    }
    if (more > 0) {
      this.#log.warning(`fleet: ${moreText(more)}`);
    }
    for (const key of this.#told.keys()) {
      if (!this.#hosts.has(key)) {
        this.#told.delete(key);
      }
    }
  }
}

function moreText(count: number): string {
  return count === 1
    ? '1 more host differs from this one'
    : `${count} more hosts differ from this one`;
}

/** Two services of one host, with key sets of their own, have heartbeats of their own. */
export function hostKey(host: string, keySet: string | undefined): string {
  return `${keySet ?? ''} ${host}`;
}

/** While secrets are replaced a host has two fields. */
function keepNewest(
  found: Map<string, Host>,
  { host, atMs, facts }: Heartbeat,
  here: HostFacts,
  nowMs: number,
): void {
  const key = hostKey(host, facts.keySet);
  if ((found.get(key)?.atMs ?? Number.NEGATIVE_INFINITY) >= atMs) {
    return;
  }
  const differences = differencesOf(facts, here);
  const faults = differences.filter(({ isFault }) => isFault);
  found.set(key, {
    host,
    keySet: facts.keySet ?? '',
    version: facts.version,
    atMs,
    away: nowMs - atMs > awayAfterMs,
    differs: differences.map(({ text }) => text),
    faults: faults.map(({ text }) => text).join('; '),
  });
}

/** Who is away shares nothing at the moment. */
function isFaulty({ away, faults }: Host): boolean {
  return !away && faults !== '';
}

function worstFirst(one: Host, other: Host): number {
  return rankOf(one) - rankOf(other) || (one.host < other.host ? -1 : 1);
}

/** A secret that isn't everybody's yet comes before a host that is away: who replaces it looks for it. */
function rankOf(host: Host): number {
  if (isFaulty(host)) {
    return 0;
  }
  if (host.away) {
    return 2;
  }
  return host.differs.length > 0 ? 1 : 3;
}

function describe({ host, keySet, version, atMs, away, differs }: Host, nowMs: number): FleetHost {
  const secondsAgo = Math.max(0, Math.floor((nowMs - atMs) / 1000));
  return { host, keySet, version, secondsAgo, away, differs };
}
