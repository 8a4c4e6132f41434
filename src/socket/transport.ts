/**
 * One client's stream of bytes as a connection uses it, whatever carries it:
 * net.Socket (net-transport.ts) or the pipe handle beneath it
 * (handle-transport.ts).
 */
export interface Transport {
  /** The number of its descriptor, where that can be told: the lowest that was free. */
  readonly descriptor: number | undefined;
  /**
   * Sends buffer[0, length).
   * @returns false when not all of it could be sent at once: then the buffer is
   * the transport's for good, which overwrites it once it is sent or can't be,
   * and nothing more may be written before it calls drained(). Else it is the
   * caller's again.
   */
  write(buffer: Buffer, length: number): boolean;
  pause(): void;
  resume(): void;
  /** Closes after what is still being sent. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

/** `handle`: handle-transport.ts; `socket`: net-transport.ts. */
export type TransportName = 'handle' | 'socket';

/** What a transport tells its connection. */
export interface TransportEvents {
  /** The bytes chunk[0, length), lent for the time of the call and overwritten then. */
  received(chunk: Buffer, length: number): void;
  /** The client sends no more; it may still read. */
  receivedEnd(): void;
  drained(): void;
  /** The transport is gone, for whatever reason; nothing follows. */
  closed(): void;
}

/** Makes the connection for a newly accepted transport. */
export type Accept = (transport: Transport) => TransportEvents;
