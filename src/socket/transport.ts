/**
 * One client's stream of bytes as a connection uses it, whatever carries it:
 * net.Socket (net-transport.ts) or the pipe handle beneath it
 * (handle-transport.ts).
 */
export interface Transport {
  /** The number of its descriptor, if it is known. It was the lowest free number. */
  readonly descriptor: number | undefined;
  /**
   * Sends buffer[0, length).
   * @returns true when all of it was sent; the buffer is the caller's again. False
   * when a part is left; then the buffer belongs to the transport for good. The
   * transport overwrites it when it is sent, or when it can't be sent. The caller
   * may write nothing more until the transport calls drained().
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
