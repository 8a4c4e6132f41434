/**
 * Puts the opened parts together into one tlsmgr. This is the same under
 * master(8), standalone and on standard input. The parts know nothing of each
 * other. This file and the two that open the parts (run.ts, serve.ts) know all
 * of them.
 */
import { type CacheName, serverCacheName } from '../config/cache-names.ts';
import type { Config } from '../config/config.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { ProcessLogger } from '../log/process-logger.ts';
import { WarningLimiter } from '../log/rate-limit.ts';
import type { Prng } from '../prng/prng.ts';
import { Dispatcher, type TraceRequest } from '../requests/dispatcher.ts';
import { RequestCounts } from '../requests/request-counts.ts';
import { requestTypes } from '../requests/request-types.ts';
import type { Caches } from '../sessions/caches.ts';
import { AnnouncementWatch } from '../socket/announcement-watch.ts';
import { SocketServer, type SocketLimits } from '../socket/socket-server.ts';
import { systemClock } from '../system/clock.ts';
import { KeyRing } from '../tickets/key-ring.ts';
import type { KeySource } from '../tickets/key-source.ts';
import { type ConnectionRoom, connectionRoom } from './connection-room.ts';
import { type Counters, History } from '../report/history.ts';
import { makeReport } from '../report/make-report.ts';
import type { Report, ReportMode } from '../report/report.ts';
import type { ProcessFigures } from '../report/process-figures.ts';
import { settingsOf, settingsOfStart } from '../report/settings.ts';

export interface TlsmgrParts {
  config: Config;
  log: ProcessLogger;
  prng: Prng;
  caches: Caches;
  /** Undefined: this host stands alone. */
  fleet: Fleet | undefined;
  mode: ReportMode;
  figures: ProcessFigures;
  /** Explained at ReportSources. */
  metricsFault: () => string;
  /** Called once, after the first answered request. */
  firstAnswer?: () => void;
}

export interface Tlsmgr {
  readonly socketServer: SocketServer;
  readonly limiter: WarningLimiter;
  readonly report: () => Report;
  /**
   * Applies other settings, as far as a reload can (reload.ts). When it rejects,
   * the settings are as before. One call at a time.
   * @returns the caches whose database changes at the next start only.
   */
  change(next: Config): Promise<CacheName[]>;
  /**
   * Saves what must survive the process and wipes what must not. Synchronous, as
   * the process is ending. A failure is logged, and the rest is saved all the same.
   */
  close(): void;
}

export function assembleTlsmgr(parts: TlsmgrParts): Tlsmgr {
  const { config, log, prng, caches, fleet, firstAnswer } = parts;
  const limiter = new WarningLimiter(log, systemClock);
  const { warn } = limiter;
  const keys: KeySource =
    fleet?.keySource(prng.pool) ?? new KeyRing(ticketSeconds(config), prng.pool, systemClock);
  let settings = settingsOf(config);
  const report = (): Report =>
    makeReport({ ...parts, settings, keys, counts, socketServer, history });
  const types = requestTypes({
    pool: prng.pool,
    caches,
    keys,
    report,
    warn,
  });
  const counts = new RequestCounts(types.map(({ name }) => name));
  const verbose = log.verbose > 0;
  const room = connectionRoom(config.limits.connections, config.metricsListen !== undefined, log);
  const socketServer = new SocketServer({
    dispatcher: new Dispatcher({
      types,
      serviceName: config.serviceName,
      warn,
      counts,
      stirTime: () => prng.pool.stirTime(),
      trace: verbose ? traceTo(log) : undefined,
      traceAttribute:
        log.verbose > 1
          ? (name, bytes) => log.info(`input attribute ${name} [${bytes} bytes]`, 'soon')
          : undefined,
    }),
    serviceName: config.serviceName,
    ...socketLimits(config, room),
    scarceDescriptor: room.scarceDescriptor,
    warn,
    announcements: new AnnouncementWatch(systemClock, (text) => log.warning(text)),
    trace: verbose ? (text) => log.info(text) : undefined,
    ...(firstAnswer === undefined ? {} : { firstAnswer }),
  });
  const history = new History(() => countersOf(socketServer, counts, caches), systemClock);
  history.start();
  return {
    socketServer,
    limiter,
    report,
    async change(next) {
      const kept = await caches.change(next);
      keys.changeLifetime(ticketSeconds(next));
      fleet?.change(next);
      socketServer.change(socketLimits(next, room));
      settings = { ...settingsOf(next), ...settingsOfStart(config) };
      return kept;
    },
    close() {
      history.stop();
      limiter.flush();
      prng.saveNow();
      caches.closeNow();
      keys.wipe();
      fleet?.closeNow();
      prng.close();
    },
  };
}

function countersOf(socketServer: SocketServer, counts: RequestCounts, caches: Caches): Counters {
  // Caches that are off count too: the sums must only grow.
  const all = [...caches.allCounters];
  return {
    requests: counts.total,
    byName: counts.byName(),
    hits: all.reduce((sum, { hits }) => sum + hits, 0),
    misses: all.reduce((sum, { misses }) => sum + misses, 0),
    evicted: Object.fromEntries(
      caches.all.map(({ label, counters: { evicted } }) => [label, evicted]),
    ),
    accepted: socketServer.counts.accepted,
    serviceTimes: socketServer.serviceTimes.counts,
  };
}

function ticketSeconds({ caches }: Config): number {
  return caches.get(serverCacheName)!.lifetimeSeconds;
}

function socketLimits({ announce, limits }: Config, room: ConnectionRoom): SocketLimits {
  return {
    announce,
    maxRequestBytes: limits.requestSizeBytes,
    requestTimeSeconds: limits.requestTimeSeconds,
    connectionLimit: Math.min(limits.connections, room.connections),
  };
}

function traceTo(log: ProcessLogger): TraceRequest {
  return (name, detail, code, microseconds) => {
    const what = detail === '' ? name : `${name} ${detail}`;
    log.info(`request ${what}: status ${code} in ${microseconds.toFixed(0)} us`, 'soon');
  };
}
