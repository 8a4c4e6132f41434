/** A host of a fleet, as far as sessions go: a local cache, and what shares it. */
import { LogLines } from '../../log-lines.ts';
import { FleetCache } from '../../../src/fleet/sessions/fleet-cache.ts';
import { SessionSharing } from '../../../src/fleet/sessions/sharing.ts';
import type { Seals } from '../../../src/fleet/seals.ts';
import { geometryOf } from '../../../src/sessions/file/geometry.ts';
import { CircularLog } from '../../../src/sessions/memory/circular-log.ts';
import type { CacheLimits, SessionCache } from '../../../src/sessions/session-cache.ts';
import type { Clock } from '../../../src/system/clock.ts';

import { MapEngine, type MapServer, turn } from './map-engine.ts';
import { openSeals } from './open-seals.ts';

export const usualLimits: CacheLimits = {
  lifetimeSeconds: 120,
  sizeLimitBytes: 1_000_000,
  entryLimit: 0,
};

/** Timers that run when a test says so. */
export class TestTimers {
  readonly waiting = new Set<() => void>();

  readonly schedule = (_seconds: number, task: () => void): { cancel(): void } => {
    this.waiting.add(task);
    return { cancel: () => void this.waiting.delete(task) };
  };

  run(): void {
    const due = Array.from(this.waiting);
    this.waiting.clear();
    for (const task of due) {
      task();
    }
  }
}

export interface HostOptions {
  server: MapServer;
  clock: Clock;
  label?: string;
  limits?: Partial<CacheLimits>;
  seals?: Seals;
  sharesTls13?: boolean;
  nearSizeLimit?: number;
  queueSizeLimit?: number;
  /** What stands between the local cache and the shared one. */
  around?: (local: CircularLog) => SessionCache;
}

export interface Host {
  cache: FleetCache;
  local: CircularLog;
  engine: MapEngine;
  sharing: SessionSharing;
  log: LogLines;
  timers: TestTimers;
}

export function localCache(clock: Clock, limits: CacheLimits): CircularLog {
  return new CircularLog({ ...limits, ...geometryOf(limits.sizeLimitBytes) }, { clock });
}

export function fleetHost(options: HostOptions): Host {
  const { server, clock, label = 'smtp' } = options;
  const limits = { ...usualLimits, ...options.limits };
  const engine = new MapEngine(server);
  const log = new LogLines();
  const timers = new TestTimers();
  const sharing = new SessionSharing({
    engine,
    seals: options.seals ?? openSeals(),
    clock,
    log,
    caches: [label],
    sharesTls13: options.sharesTls13 ?? false,
    nearSizeLimit: options.nearSizeLimit ?? 1_000_000,
    queueSizeLimit: options.queueSizeLimit ?? 1_000_000,
    schedule: timers.schedule,
  });
  const local = localCache(clock, limits);
  const cache = sharing.share(label, options.around?.(local) ?? local, limits);
  if (!(cache instanceof FleetCache)) {
    throw new TypeError('not shared');
  }
  return { cache, local, engine, sharing, log, timers };
}

/** Waits until no host has anything under way, or waiting to be sent. Runs timers. */
export async function settled(...hosts: readonly Host[]): Promise<void> {
  for (let quiet = 0; quiet < 3; quiet += 1) {
    await turn();
    const isBusy = hosts.some(({ engine, cache, timers }) => {
      timers.run();
      const canSend = engine.connection === 'up' && engine.writes === 'open';
      return engine.underWay > 0 || (canSend && cache.report().queueEntries > 0);
    });
    quiet = isBusy ? -1 : quiet;
  }
}
