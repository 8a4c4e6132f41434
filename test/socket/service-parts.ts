/** Puts parts together into a service, as the daemon does, for a process that is no daemon. */
import type { LogWarning } from '../../src/log/logger.ts';
import type { RandomPool } from '../../src/prng/random.ts';
import { Dispatcher } from '../../src/requests/dispatcher.ts';
import { RequestCounts } from '../../src/requests/request-counts.ts';
import type { RequestType } from '../../src/requests/request-type.ts';
import { type RequestContext, requestTypes } from '../../src/requests/request-types.ts';
import { AnnouncementWatch } from '../../src/socket/announcement-watch.ts';
import { SocketServer } from '../../src/socket/socket-server.ts';
import type { Turns } from '../../src/socket/turns.ts';
import type { Clock } from '../../src/system/clock.ts';
import { KeyRing } from '../../src/tickets/key-ring.ts';
import type { KeySource } from '../../src/tickets/key-source.ts';

export interface ServiceParts {
  pool: RandomPool;
  caches: RequestContext['caches'];
  /** A key ring of its own if not given. */
  keys?: KeySource | undefined;
  /** Of ticket keys, with a key ring of its own. */
  lifetimeSeconds: number;
  clock: Clock;
  /** The answer to `stats`. */
  report: object;
  /** What the watch for wrong announcements goes by; `clock` if not given. */
  watchClock?: Clock | undefined;
  warn: LogWarning;
  /** Told of wrong announcements. */
  warnOfAnnouncement?: (text: string) => void;
  extraTypes?: readonly RequestType[];
  announce?: boolean | undefined;
  maxRequestBytes?: number | undefined;
  requestTimeSeconds?: number | undefined;
  connectionLimit?: number | undefined;
  turns?: Turns | undefined;
  scarceDescriptor?: number | undefined;
  lateAnswerMs?: number | undefined;
  /** Called once, after the first request has been answered. */
  firstAnswer?: () => void;
}

export function serviceOf(parts: ServiceParts): { service: SocketServer; counts: RequestCounts } {
  const { pool, caches, clock, warn } = parts;
  const keys = parts.keys ?? new KeyRing(parts.lifetimeSeconds, pool, clock);
  const types = [
    ...requestTypes({ pool, caches, keys, report: () => parts.report, warn }),
    ...(parts.extraTypes ?? []),
  ];
  const counts = new RequestCounts(types.map(({ name }) => name));
  const service = new SocketServer({
    dispatcher: new Dispatcher({
      types,
      serviceName: 'tlsmgr',
      warn,
      counts,
      stirTime: () => pool.stirTime(),
      ...(parts.lateAnswerMs === undefined ? {} : { lateAnswerMs: parts.lateAnswerMs }),
    }),
    serviceName: 'tlsmgr',
    announce: parts.announce ?? true,
    maxRequestBytes: parts.maxRequestBytes ?? 1024 * 1024,
    requestTimeSeconds: parts.requestTimeSeconds ?? 60,
    connectionLimit: parts.connectionLimit ?? 1000,
    turns: parts.turns,
    ...(parts.firstAnswer === undefined ? {} : { firstAnswer: parts.firstAnswer }),
    ...(parts.scarceDescriptor === undefined ? {} : { scarceDescriptor: parts.scarceDescriptor }),
    warn,
    announcements: new AnnouncementWatch(
      parts.watchClock ?? clock,
      parts.warnOfAnnouncement ?? (() => {}),
    ),
  });
  return { service, counts };
}
