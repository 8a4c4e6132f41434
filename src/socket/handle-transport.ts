/**
 * A transport over the handle that a net.Server's sockets are made of, without
 * the sockets: a third of the processor time of a connection, half the memory.
 * The handle isn't a public interface of Node's (node-handles.ts): net-transport.ts
 * does the same work where it isn't found.
 */
import type { Server } from 'node:net';
import { wipe } from '../system/secret-memory.ts';
import {
  findBinding,
  type StreamBinding,
  type StreamHandle,
  type WriteRequest,
} from './node-handles.ts';
import type { Accept, Transport, TransportEvents } from './transport.ts';

interface ServerHandle {
  onconnection: ((status: number, client: StreamHandle | undefined) => void) | null;
}

/** What the transports of one server share. */
class SharedState {
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kLastWriteWasAsync: number;
  /** All reads land here: it is emptied and overwritten before control returns to the event loop. */
  readonly readBuffer = Buffer.allocUnsafeSlow(readBufferBytes);
  readonly #readWords = new Float64Array(this.readBuffer.buffer, this.readBuffer.byteOffset);
  readonly #WriteWrap: new () => WriteRequest;
  #idle: WriteRequest;
  #viewed: Buffer | undefined;
  #viewLength = 0;
  #view: Uint8Array = new Uint8Array(0);

  constructor(binding: StreamBinding) {
    this.streamBaseState = binding.streamBaseState;
    this.kReadBytesOrError = binding.kReadBytesOrError;
    this.kLastWriteWasAsync = binding.kLastWriteWasAsync;
    this.#WriteWrap = binding.WriteWrap;
    this.#idle = new binding.WriteWrap();
  }

  /** A request for one write. It stays idle when the write finishes at once. */
  idleRequest(): WriteRequest {
    return this.#idle;
  }

  /** The bytes buffer[0, length). Replies of one kind have one length: the last view often does. */
  viewOf(buffer: Buffer, length: number): Uint8Array {
    if (this.#viewed !== buffer || this.#viewLength !== length) {
      this.#viewed = buffer;
      this.#viewLength = length;
      this.#view = new Uint8Array(buffer.buffer, buffer.byteOffset, length);
    }
    return this.#view;
  }

  /** Most reads are short: a loop over words takes a quarter of the time that a call into the engine does. */
  wipeRead(bytes: number): void {
    if (bytes > longestByWords) {
      wipe(this.readBuffer, 0, bytes);
      return;
    }
    const words = this.#readWords;
    for (let index = 0; index * wordBytes < bytes; index += 1) {
      words[index] = 0;
    }
  }

  /** Takes the idle request out of use: its write goes on in the background. */
  spendRequest(): void {
    this.#idle = new this.#WriteWrap();
  }
}

/** Some hundred requests: who fills it waits for its turn to come round before more is read. */
const readBufferBytes = 16 * 1024;

const wordBytes = Float64Array.BYTES_PER_ELEMENT;
const longestByWords = 512;
const endOfFile = -4095;

/**
 * Takes over the connections of a listening server.
 * @returns false when this Node's handles aren't as expected; the server is as it was.
 */
export function serveHandles(
  server: Server,
  accept: Accept,
  acceptFailed: (errno: number) => void,
): boolean {
  const binding = findBinding();
  const handle = (server as unknown as { _handle?: Partial<ServerHandle> })._handle;
  if (binding === undefined || typeof handle?.onconnection !== 'function') {
    return false;
  }
  const shared = new SharedState(binding);
  handle.onconnection = (status, client) => {
    if (status !== 0 || client === undefined) {
      acceptFailed(status);
    } else {
      new HandleTransport(client, shared).start(accept);
    }
  };
  return true;
}

const ignore = (): void => {};

class HandleTransport implements Transport {
  readonly #handle: StreamHandle;
  readonly #shared: SharedState;
  #events: TransportEvents | undefined;
  #writing = false;
  #paused = false;
  /** Others have their turn. */
  #yielding = false;
  #endWanted = false;
  #closed = false;

  constructor(handle: StreamHandle, shared: SharedState) {
    this.#handle = handle;
    this.#shared = shared;
  }

  get descriptor(): number | undefined {
    return this.#handle.fd;
  }

  start(accept: Accept): void {
    const handle = this.#handle;
    handle.useUserBuffer(this.#shared.readBuffer);
    handle.onread = () => this.#onRead();
    this.#events = accept(this);
    if (this.#closed) {
      // The client was gone before the announcement: nobody was there yet to be told.
      this.#events.closed();
    } else if (!this.#paused) {
      handle.readStart();
    }
  }

  write(buffer: Buffer, length: number): boolean {
    if (this.#closed) {
      return true;
    }
    const { streamBaseState, kLastWriteWasAsync } = this.#shared;
    const request = this.#shared.idleRequest();
    const data = this.#shared.viewOf(buffer, length);
    const error = this.#handle.writeBuffer(request, data);
    if (error !== 0) {
      this.destroy();
      return true;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) {
      return true;
    }
    this.#writing = true;
    request.buffer = data;
    request.oncomplete = (status) => this.#onWritten(request, status);
    this.#shared.spendRequest();
    return false;
  }

  pause(): void {
    this.#paused = true;
    if (!this.#closed) {
      this.#handle.readStop();
    }
  }

  resume(): void {
    this.#paused = false;
    if (!this.#closed && !this.#yielding) {
      this.#handle.readStart();
    }
  }

  end(): void {
    if (this.#writing) {
      this.#endWanted = true;
    } else {
      this.destroy();
    }
  }

  destroy(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#handle.onread = ignore;
      this.#handle.close();
      this.#events?.closed();
    }
  }

  #onWritten(request: WriteRequest, status: number): void {
    // Sent or not, nobody else has it now.
    request.buffer?.fill(0);
    request.buffer = null;
    this.#writing = false;
    if (this.#closed) {
      return;
    }
    if (status !== 0 || this.#endWanted) {
      this.destroy();
    } else {
      this.#events?.drained();
    }
  }

  #onRead(): void {
    const { streamBaseState, kReadBytesOrError, readBuffer } = this.#shared;
    const bytes = streamBaseState[kReadBytesOrError]!;
    if (bytes > 0) {
      this.#events?.received(readBuffer, bytes);
      // Whatever was in it, a session maybe, has been copied by who still needs it.
      this.#shared.wipeRead(bytes);
      if (bytes === readBufferBytes) {
        this.#yield();
      }
    } else if (bytes === endOfFile) {
      this.#events?.receivedEnd();
    } else if (bytes < 0) {
      this.destroy();
    }
  }

  /** A client that sends without end must not be read without end: others are waiting. */
  #yield(): void {
    if (this.#closed || this.#yielding) {
      return;
    }
    this.#yielding = true;
    this.#handle.readStop();
    setImmediate(() => {
      this.#yielding = false;
      if (!this.#paused) {
        this.resume();
      }
    });
  }
}
