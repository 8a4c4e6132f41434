/**
 * Tells of each handshake on the diagnostics channel `tlsmgr.server.handshake`,
 * and counts them.
 *
 * The callback that opens a ticket doesn't know the connection. Answers of the
 * callback are given to handshakes in the order of both: with several under way
 * at the same moment two of them may be told each other's key; the sums are right.
 */
import { channel } from 'node:diagnostics_channel';
import type { Server, TLSSocket } from 'node:tls';
import type { Clock } from '../system/clock.ts';

/** Which key has opened the ticket: `unknown` for a ticket that none has opened. */
export type KeyUsed = 'current' | 'previous' | 'unknown';

/** What subscribers of `tlsmgr.server.handshake` get. */
export interface HandshakeMessage {
  scope: string;
  /** `TLSv1.3`. */
  protocol: string | null;
  resumed: boolean;
  /** Undefined without a ticket, and where the keys are set once for all (mode `single`). */
  key: KeyUsed | undefined;
}

const handshakes = channel('tlsmgr.server.handshake');

/** Opened tickets whose handshake hasn't ended; more than these are handshakes that never end. */
const mostUnderWay = 1000;
const underWayMs = 120_000;

interface Opened {
  key: KeyUsed;
  atMs: number;
}

export class HandshakeWatch {
  readonly #scope: string;
  readonly #clock: Clock;
  #opened: Opened[] = [];
  readonly counts = {
    resumed: 0,
    full: 0,
    byKey: { current: 0, previous: 0, unknown: 0 } satisfies Record<KeyUsed, number>,
  };

  constructor(scope: string, clock: Clock) {
    this.#scope = scope;
    this.#clock = clock;
  }

  /** A ticket has come, and this key was there for it. */
  opened(key: KeyUsed): void {
    this.counts.byKey[key] += 1;
    if (this.#opened.length < mostUnderWay) {
      this.#opened.push({ key, atMs: this.#clock.monotonicMs() });
    }
  }

  /** @returns what ends it. */
  follow(server: Server): () => void {
    const ended = (socket: TLSSocket): void => this.#ended(socket);
    server.on('secureConnection', ended);
    return () => void server.off('secureConnection', ended);
  }

  #ended(socket: TLSSocket): void {
    const resumed = socket.isSessionReused();
    this.counts[resumed ? 'resumed' : 'full'] += 1;
    const key = this.#keyOf(resumed);
    if (handshakes.hasSubscribers) {
      const protocol = socket.getProtocol();
      handshakes.publish({ scope: this.#scope, protocol, resumed, key } satisfies HandshakeMessage);
    }
  }

  #keyOf(resumed: boolean): KeyUsed | undefined {
    const oldestMs = this.#clock.monotonicMs() - underWayMs;
    this.#opened = this.#opened.filter(({ atMs }) => atMs > oldestMs);
    const at = this.#opened.findIndex(({ key }) => (key !== 'unknown') === resumed);
    return at < 0 ? undefined : this.#opened.splice(at, 1)[0]!.key;
  }
}
