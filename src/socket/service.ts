/**
 * What all connections of one tlsmgr share: the dispatcher, the reply buffer,
 * the limits, and a watch over those that keep us waiting.
 */
import type { LogWarning } from '../log/logger.ts';
import { Encoder, encodedName } from '../protocol/encoder.ts';
import { announcementName, announcementValue } from '../protocol/names.ts';
import type { AnnouncementWatch } from './announcement-watch.ts';
import type { Dispatcher } from '../requests/dispatcher.ts';
import { ServiceTimes } from './service-times.ts';
import { type Member, OpenConnections } from './open-connections.ts';

/** What may change while the service goes on. */
export interface ServiceLimits {
  announce: boolean;
  maxRequestBytes: number;
  requestTimeSeconds: number;
  /** Beyond it an idle connection makes room for a new one. */
  connectionLimit: number;
}

export interface ServiceOptions extends ServiceLimits {
  dispatcher: Dispatcher;
  /** The service's name, as warnings call the socket. */
  serviceName: string;
  warn: LogWarning;
  announcements: AnnouncementWatch;
  /** Called once, after the first request has been answered. */
  firstAnswer?: () => void;
  /** Told of connections and wake-ups, when verbose. */
  trace?: ((text: string) => void) | undefined;
}

/** A connection, as far as the service has to do with it. */
export interface Client extends Member {
  /** Monotonic milliseconds; when a half-sent request or unread replies began to wait. */
  readonly stalledSinceMs: number;
  /** It has kept us waiting for too long. */
  giveUp(): void;
  /** Another needs its place. */
  makeRoom(): void;
}

export interface ConnectionCounts {
  accepted: number;
  open: number;
  /** Closed for a limit: of size or of time. */
  sizeLimitHits: number;
  timeLimitHits: number;
  /** Closed to make room for another. */
  connectionLimitHits: number;
  wakeups: number;
}

const sweepMs = 1000;

export class Service {
  readonly dispatcher: Dispatcher;
  readonly peer: string;
  maxRequestBytes = 0;
  requestTimeSeconds = 0;
  readonly warn: LogWarning;
  readonly announcements: AnnouncementWatch;
  readonly trace: ((text: string) => void) | undefined;
  /** The announcement's bytes; undefined for clients that want none. */
  announcement: Buffer | undefined;
  /** Replies of the connection at hand: filled and sent within one turn. */
  readonly replies = new Encoder();
  readonly serviceTimes = new ServiceTimes();
  readonly counts: ConnectionCounts = {
    accepted: 0,
    open: 0,
    sizeLimitHits: 0,
    timeLimitHits: 0,
    connectionLimitHits: 0,
    wakeups: 0,
  };
  readonly #open = new OpenConnections<Client>();
  connectionLimit = 0;
  readonly #stalled = new Set<Client>();
  #firstAnswer: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: ServiceOptions) {
    this.dispatcher = options.dispatcher;
    this.peer = `${options.serviceName} socket`;
    this.warn = options.warn;
    this.announcements = options.announcements;
    this.trace = options.trace;
    this.#firstAnswer = options.firstAnswer;
    this.change(options);
  }

  /** Other limits, for connections that come; the time limit for those that are there too. */
  change(limits: ServiceLimits): void {
    this.announcement = limits.announce ? encodedAnnouncement() : undefined;
    this.maxRequestBytes = limits.maxRequestBytes;
    this.requestTimeSeconds = limits.requestTimeSeconds;
    this.connectionLimit = limits.connectionLimit;
  }

  /** A new connection: it gets a place, if need be that of an idle one. */
  opened(connection: Client): void {
    const { counts } = this;
    counts.accepted += 1;
    counts.open += 1;
    this.#open.add(connection);
    if (this.#open.size > this.connectionLimit) {
      this.#makeRoomFor(connection);
    }
  }

  closed(connection: Client): void {
    this.counts.open -= 1;
    this.#open.remove(connection);
    this.unwatch(connection);
  }

  /** Takes note that a request has been answered. */
  answered(): void {
    if (this.#firstAnswer !== undefined) {
      const tell = this.#firstAnswer;
      this.#firstAnswer = undefined;
      tell();
    }
  }

  /** Gives up on the connection when it still keeps us waiting at its time limit. */
  watch(connection: Client): void {
    this.#stalled.add(connection);
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepMs).unref();
  }

  unwatch(connection: Client): void {
    this.#stalled.delete(connection);
    if (this.#stalled.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
  }

  #makeRoomFor(connection: Client): void {
    const idle = this.#open.longestIdle(connection);
    if (idle === undefined) {
      return;
    }
    this.counts.connectionLimitHits += 1;
    this.warn('too many connections', () => {
      return `too many connections to ${this.peer}: idle ones are closed to keep to ${this.connectionLimit} (tlsmgr_connection_limit)`;
    });
    idle.makeRoom();
  }

  #sweep(): void {
    const longAgoMs = performance.now() - this.requestTimeSeconds * 1000;
    for (const connection of this.#stalled) {
      if (connection.stalledSinceMs <= longAgoMs) {
        this.counts.timeLimitHits += 1;
        connection.giveUp();
      }
    }
  }
}

function encodedAnnouncement(): Buffer {
  const list = new Encoder();
  list.string(encodedName(announcementName), announcementValue);
  list.end();
  return Buffer.from(list.buffer.subarray(0, list.length));
}
