/**
 * What all connections of a socket share: the dispatcher, the reply buffer, the
 * limits, and a watch over stalled connections. A connection is stalled while we
 * wait for its client: for the rest of a request, or until it reads its replies.
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

/** The settings that a reload may change. */
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
  /** Called for connections and wake-ups, when verbose. */
  trace?: ((text: string) => void) | undefined;
  /** A connection with this descriptor, or one above it, takes the place of another. */
  scarceDescriptor?: number;
  /** The turns that connections take; new ones unless a test gives its own. */
  turns?: Turns | undefined;
}

/** A connection, as the socket server sees it. */
export interface Client extends Member, TurnTaker {
  /** When an incomplete request or unread replies began to wait, in monotonic milliseconds. */
  readonly stalledSinceMs: number;
  /** Closes the connection, as it was stalled for too long. */
  giveUp(): void;
  /** Closes the connection, as another one needs its place or its memory. */
  makeRoom(): void;
}

export interface ConnectionCounts {
  accepted: number;
  open: number;
  /** Closed because of the size limit, or of the time limit. */
  sizeLimitHits: number;
  timeLimitHits: number;
  /** Closed to make room for another. */
  connectionLimitHits: number;
  wakeups: number;
}

const sweepMs = 1000;

/** After descriptors were scarce, the number of connections stays limited for this time. */
const scarceForMs = 1000;

/** The least limit for incomplete requests and unread replies of all connections together. */
const leastHeldLimitBytes = 64 * 1024 * 1024;
/** If requests may be large, the limit is the size of this many of them. */
const heldRequests = 16;

export class SocketServer {
  readonly dispatcher: Dispatcher;
  /** What warnings call the socket. */
  readonly peer: string;
  maxRequestBytes = 0;
  requestTimeSeconds = 0;
  readonly warn: LogWarning;
  readonly announcements: AnnouncementWatch;
  readonly trace: ((text: string) => void) | undefined;
  /** How connections are served; null before the first listener is open. */
  transport: TransportName | null = null;
  /** The announcement's bytes; undefined when clients get none. */
  announcement: Buffer | undefined;
  /** The replies to the connection that has its turn. They are written and sent within the turn. */
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
  /** How many connections may be open at the moment: the limit, or less while descriptors are scarce. */
  #places = 0;
  readonly #scarceDescriptor: number;
  /** When descriptors were last scarce, in monotonic milliseconds. */
  #scarceMs = 0;
  /** The stalled connections. The one that has been stalled longest comes first. */
  readonly #stalled = new Set<Client>();
  /** Bytes of incomplete requests and unread replies, of all connections. */
  #heldBytes = 0;
  #heldLimitBytes = 0;
  #firstAnswer: (() => void) | undefined;
  /** Runs while a connection is stalled. */
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

  /** Sets other limits. They hold for new connections; the time limit holds for open ones as well. */
  change(limits: SocketLimits): void {
    this.announcement = limits.announce ? encodedAnnouncement() : undefined;
    this.maxRequestBytes = limits.maxRequestBytes;
    this.requestTimeSeconds = limits.requestTimeSeconds;
    this.connectionLimit = limits.connectionLimit;
    this.#places = limits.connectionLimit;
    this.#heldLimitBytes = Math.max(leastHeldLimitBytes, heldRequests * limits.maxRequestBytes);
  }

  /** Bytes of incomplete requests and unread replies that all connections hold. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Adds a new connection. If there are too many, idle ones are closed. */
  opened(connection: Client, descriptor: number | undefined): void {
    const { counts } = this;
    counts.accepted += 1;
    counts.open += 1;
    this.#open.add(connection);
    this.#seePlaces(descriptor);
    while (this.#open.size > this.#places && this.#makeRoomFor(connection)) {
      // Each round closes one.
    }
    this.trace?.('connection established');
  }

  /** Removes a closed connection. @param heldBytes the bytes that it has held until now. */
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

  /**
   * Adds to the bytes that connections hold. Beyond the limit, the connections
   * that have been stalled longest are closed.
   * @param bytes the change for one connection; negative when it holds less.
   */
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

  /** Takes a connection as stalled from now on. It is closed if it still is at the time limit. */
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
   * Limits the number of connections while descriptors are scarce. Other parts of
   * the process may have opened more files since the start. A new descriptor is the
   * lowest free one, so all below it are in use.
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

  /** Closes an idle connection other than this one. @returns whether one was closed. */
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

  /** Closes the connections that have been stalled for longer than the time limit. */
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
