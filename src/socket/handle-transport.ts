/**
 * A transport over the handle that a net.Server's sockets are made of, without
 * the sockets: a third of the processor time of a connection, half the memory.
 * The handle isn't a public interface of Node's, so everything that is known
 * of it stands in this file, is looked for at start, and net-transport.ts does
 * the same work where it isn't found.
 */
import type { Server } from 'node:net';
import { wipe } from '../system/secret-memory.ts';
import type { Accept, Transport, TransportEvents } from './transport.ts';

/** A stream handle, as lib/internal/stream_base_commons.js of Node 20 to 26 uses it. */
interface StreamHandle {
  readonly fd?: number;
  /** Must stay a function: setting anything else aborts the process. */
  onread: () => void;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  writeBuffer(request: WriteRequest, data: Uint8Array): number;
  close(done?: () => void): void;
}

interface WriteRequest {
  oncomplete: ((status: number) => void) | null;
  /** Keeps what is being written from being collected. */
  buffer: Uint8Array | null;
}

interface ServerHandle {
  onconnection: ((status: number, client: StreamHandle | undefined) => void) | null;
}

interface PipeBinding {
  Pipe: new (type: number) => StreamHandle & { open(fd: number): number | undefined };
  constants: { SOCKET: number };
}

/** Node's old name for what listen() calls, setupListenHandle() of lib/net.js. */
type ListenMethod = (
  address: null,
  port: null,
  addressType: null,
  backlog: number,
  fd: number,
) => void;

interface StreamBinding {
  WriteWrap: new () => WriteRequest;
  streamBaseState: Int32Array;
  kReadBytesOrError: number;
  kLastWriteWasAsync: number;
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

/** A binding of Node's, or undefined where this Node doesn't lend it. */
function lent<Binding>(name: string): Partial<Binding> | undefined {
  const { binding } = process as unknown as { binding?: (name: string) => Partial<Binding> };
  if (typeof binding !== 'function') {
    return undefined;
  }
  try {
    return binding.call(process, name);
  } catch {
    // A Node that no longer has it: sockets serve.
    return undefined;
  }
}

/** The binding of streams, or undefined where this Node doesn't have it as we know it. */
function findBinding(): StreamBinding | undefined {
  const found = lent<StreamBinding>('stream_wrap');
  const usable =
    found !== undefined &&
    typeof found.WriteWrap === 'function' &&
    ArrayBuffer.isView(found.streamBaseState) &&
    typeof found.kReadBytesOrError === 'number' &&
    typeof found.kLastWriteWasAsync === 'number';
  return usable ? (found as StreamBinding) : undefined;
}

/**
 * Calls `ended`, once, when the other end of a connected socket is closed, or is lost. What comes
 * from it is ignored. A net.Socket tells the same, and takes a start 0.8 ms.
 * @returns false when this Node's handles aren't as expected; nothing was done then.
 */
export function watchEnd(fd: number, ended: () => void): boolean {
  const stream = findBinding();
  const pipe = lent<PipeBinding>('pipe_wrap');
  if (stream === undefined || typeof pipe?.Pipe !== 'function' || pipe.constants === undefined) {
    return false;
  }
  const handle = new pipe.Pipe(pipe.constants.SOCKET);
  if (typeof handle.open !== 'function' || (handle.open(fd) ?? 0) !== 0) {
    handle.close();
    return false;
  }
  const end = (): void => {
    handle.onread = ignore;
    handle.close();
    ended();
  };
  handle.onread = () => {
    if (stream.streamBaseState[stream.kReadBytesOrError]! < 0) {
      end();
    }
  };
  if (handle.readStart() !== 0) {
    setImmediate(end);
  }
  return true;
}

/**
 * Makes a server listen on a descriptor, as its listen() does in the end. That one loads
 * node:cluster first, which this process has no use for, with node:child_process and
 * node:dgram: 0.5 to 2 ms of a start.
 * @returns false when this Node has no such method; the server is as it was.
 */
export function listenAtOnce(server: Server, fd: number, backlog: number): boolean {
  const { _listen2: listen } = server as unknown as { _listen2?: ListenMethod };
  if (typeof listen !== 'function') {
    return false;
  }
  listen.call(server, null, null, null, backlog, fd);
  return true;
}

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
