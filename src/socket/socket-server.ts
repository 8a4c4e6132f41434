/**
 * The listening side of a tlsmgr: what all connections share. These are the
 * dispatcher, the reply buffer, the limits, and a watch over the connections
 * that keep us waiting.
 */
import type { LogWarning } from '../log/logger.ts';
import { Encoder, encodedName } from '../protocol/encoder.ts';
import { announcementName, announcementValue } from '../protocol/names.ts';
import type { AnnouncementWatch } from './announcement-watch.ts';
import type { Dispatcher } from '../requests/dispatcher.ts';
import { ServiceTimes } from './service-times.ts';
import { type Member, OpenConnections } from './open-connections.ts';
import type { TransportName } from './transport.ts';
import { type TurnTaker, Turns } from './turns.ts';

/** What may change while it serves. */
export interface SocketLimits {
  announce: boolean;
  maxRequestBytes: number;
  requestTimeSeconds: number;
  /** Beyond it an idle connection makes room for a new one. */
  connectionLimit: number;
}

export interface SocketServerOptions extends SocketLimits {
  dispatcher: Dispatcher;
  /** The service's name, as warnings call the socket. */
  serviceName: string;
  warn: LogWarning;
  announcements: AnnouncementWatch;
  /** Called once, after the first request has been answered. */
  firstAnswer?: () => void;
  /** Told of connections and wake-ups, when verbose. */
  trace?: ((text: string) => void) | undefined;
  /** A connection with this descriptor, or one above it, takes the place of another. */
  scarceDescriptor?: number;
  /** What turns go by. */
  turns?: Turns | undefined;
}

/** A connection, as the socket server sees it. */
export interface Client extends Member, TurnTaker {
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

/** So long after descriptors were scarce no more connections are let in than there was room for. */
const scarceForMs = 1000;

/** What all connections together may hold of half requests and unread replies, at least. */
const leastHeldLimitBytes = 64 * 1024 * 1024;
/** With a large limit of a request, so many of that size. */
const heldRequests = 16;

export class SocketServer {
  readonly dispatcher: Dispatcher;
  readonly peer: string;
  maxRequestBytes = 0;
  requestTimeSeconds = 0;
  readonly warn: LogWarning;
  readonly announcements: AnnouncementWatch;
  readonly trace: ((text: string) => void) | undefined;
  /** What connections are served through; null before the first listener is open. */
  transport: TransportName | null = null;
  /** The announcement's bytes; undefined for clients that want none. */
  announcement: Buffer | undefined;
  /** Replies of the connection at hand: filled and sent within one turn. */
  readonly replies = new Encoder();
  readonly serviceTimes = new ServiceTimes();
  readonly turns: Turns;
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
  /** As many as are let in at the moment: the limit, or less while descriptors are scarce. */
  #places = 0;
  readonly #scarceDescriptor: number;
  #scarceMs = 0;
  /** Those that keep us waiting, the longest first. */
  readonly #stalled = new Set<Client>();
  #heldBytes = 0;
  #heldLimitBytes = 0;
  #firstAnswer: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: SocketServerOptions) {
    this.dispatcher = options.dispatcher;
    this.peer = `${options.serviceName} socket`;
    this.warn = options.warn;
    this.announcements = options.announcements;
    this.trace = options.trace;
    this.#scarceDescriptor = options.scarceDescriptor ?? Number.POSITIVE_INFINITY;
    this.turns = options.turns ?? new Turns();
    this.#firstAnswer = options.firstAnswer;
    this.change(options);
  }

  /** Other limits, for connections that come; the time limit for those that are there too. */
  change(limits: SocketLimits): void {
    this.announcement = limits.announce ? encodedAnnouncement() : undefined;
    this.maxRequestBytes = limits.maxRequestBytes;
    this.requestTimeSeconds = limits.requestTimeSeconds;
    this.connectionLimit = limits.connectionLimit;
    this.#places = limits.connectionLimit;
    this.#heldLimitBytes = Math.max(leastHeldLimitBytes, heldRequests * limits.maxRequestBytes);
  }

  /** Bytes that connections hold of half requests and unread replies. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** A new connection: it gets a place, if need be that of an idle one. */
  opened(connection: Client, descriptor: number | undefined): void {
    const { counts } = this;
    counts.accepted += 1;
    counts.open += 1;
    this.#open.add(connection);
    this.#seePlaces(descriptor);
    while (this.#open.size > this.#places && this.#makeRoomFor(connection)) {
      // One after the other.
    }
    this.trace?.('connection established');
  }

  /** @param heldBytes what the connection held: it holds nothing any more. */
  closed(connection: Client, heldBytes: number): void {
    this.counts.open -= 1;
    this.#open.remove(connection);
    this.unwatch(connection);
    this.hold(-heldBytes);
    this.announcements.forget(connection);
    this.turns.leave(connection);
    this.trace?.('connection closed');
  }

  /** master(8) has sent a wake-up. */
  wokenUp(): void {
    this.counts.wakeups += 1;
    this.trace?.('received master trigger');
  }

  /** Takes note that a request has been answered. */
  answered(): void {
    if (this.#firstAnswer !== undefined) {
      const tell = this.#firstAnswer;
      this.#firstAnswer = undefined;
      tell();
    }
  }

  /** A connection holds so much more than before: those that keep us waiting longest make room. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    while (this.#heldBytes > this.#heldLimitBytes) {
      const [longest] = this.#stalled;
      if (longest === undefined) {
        return;
      }
      this.counts.sizeLimitHits += 1;
      this.warn('too much held', () => {
        return `half requests and unread replies of ${this.peer} take more than ${this.#heldLimitBytes} bytes: the oldest are closed`;
      });
      longest.makeRoom();
    }
  }

  /** Gives up on the connection when it still keeps us waiting at its time limit from now. */
  watch(connection: Client): void {
    this.#stalled.delete(connection);
    this.#stalled.add(connection);
    this.#sweeper ??= setInterval(() => this.sweep(), sweepMs).unref();
  }

  unwatch(connection: Client): void {
    this.#stalled.delete(connection);
    if (this.#stalled.size === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
  }

  /**
   * Others may have more files open than was to be seen at the start. A new
   * descriptor is the lowest that was free, so all below it are in use.
   */
  #seePlaces(descriptor: number | undefined): void {
    const beyond = (descriptor ?? 0) + 1 - this.#scarceDescriptor;
    if (beyond > 0) {
      this.#places = Math.max(1, Math.min(this.#places, this.#open.size - beyond));
      this.#scarceMs = performance.now();
    } else if (this.#places < this.connectionLimit) {
      if (performance.now() - this.#scarceMs > scarceForMs) {
        this.#places = this.connectionLimit;
      }
    }
  }

  /** @returns whether one has been closed. */
  #makeRoomFor(connection: Client): boolean {
    const idle = this.#open.longestIdle(connection);
    if (idle === undefined) {
      return false;
    }
    this.counts.connectionLimitHits += 1;
    this.warn('too many connections', () => {
      return `too many connections to ${this.peer}: idle ones are closed to keep to ${this.#places} (tlsmgr_connection_limit)`;
    });
    idle.makeRoom();
    return true;
  }

  /** Gives up on those that have kept us waiting for too long. */
  sweep(): void {
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
