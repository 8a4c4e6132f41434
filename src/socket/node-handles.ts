/**
 * Handles beneath node:net, which aren't a public interface of Node's. All that is
 * known of them stands here and in handle-transport.ts, and is looked for before it
 * is used. Where it isn't found, a caller goes the public way.
 */
import type { Server } from 'node:net';

/** A stream handle, as lib/internal/stream_base_commons.js of Node 20 to 26 uses it. */
export interface StreamHandle {
  readonly fd?: number;
  /** Must stay a function: setting anything else aborts the process. */
  onread: () => void;
  readStart(): number;
  readStop(): number;
  useUserBuffer(buffer: Uint8Array): void;
  writeBuffer(request: WriteRequest, data: Uint8Array): number;
  close(done?: () => void): void;
}

export interface WriteRequest {
  oncomplete: ((status: number) => void) | null;
  /** Keeps what is being written from being collected. */
  buffer: Uint8Array | null;
}

export interface StreamBinding {
  WriteWrap: new () => WriteRequest;
  streamBaseState: Int32Array;
  kReadBytesOrError: number;
  kLastWriteWasAsync: number;
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
export function findBinding(): StreamBinding | undefined {
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

const ignore = (): void => {};
