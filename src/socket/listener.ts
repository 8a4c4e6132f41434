/**
 * Listens on a descriptor that master(8) has bound, or on a path of our own,
 * and gives each client its connection.
 *
 * master's socket file is never touched. A path of our own is created with mode
 * 0600 (the directory decides nothing) and removed at close; a stale one, that
 * nobody answers on, is replaced.
 */
import { createServer, type Server } from 'node:net';
import { FatalError } from '../errors.ts';
import type { Logger, LogWarning } from '../log/logger.ts';
import { canReadNow, reasonOf, reasonOfErrno } from '../system/calls.ts';
import { bindOwnSocket, closeOwnSocket, isServed } from '../system/own-socket.ts';
import { requireSocketPath } from '../system/socket-path.ts';
import { AcceptWatch } from './accept-watch.ts';
import { Connection } from './connection.ts';
import { serveHandles } from './handle-transport.ts';
import { serveSocket } from './net-transport.ts';
import { listenAtOnce } from './node-handles.ts';
import type { SocketServer } from './socket-server.ts';
import type { Transport, TransportName } from './transport.ts';

/** How many clients wait for a socket of our own: as master(8) has it, the default of its process limits. */
const ownBacklog = 100;

/**
 * The same for one that was handed over. listen(2) changes the length that master(8) or systemd
 * has chosen, which isn't known here. Cut by the kernel to its limit, it never gets shorter.
 */
const handedOverBacklog = 65_535;

export interface ListenerOptions {
  log: Logger;
  warn: LogWarning;
  /** tlsmgr_transport. `auto` is handles where this Node has them, as `handle`, but says nothing where it hasn't. */
  transport: 'auto' | TransportName;
}

export interface Listener {
  close(): void;
}

/** Serves a descriptor that is bound and listening. Throws FatalError when the kernel refuses. */
export async function listenOnDescriptor(
  fd: number,
  socketServer: SocketServer,
  options: ListenerOptions,
): Promise<Listener> {
  try {
    return await listen({ fd, backlog: handedOverBacklog }, socketServer, options);
  } catch (thrown) {
    throw new FatalError(`listen on descriptor ${fd}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** Throws FatalError when somebody serves the path, when that can't be found out, and when it can't be one of a socket. */
export function requireUnserved(path: string): void {
  let served: boolean;
  try {
    requireSocketPath(path);
    served = isServed(path);
  } catch (thrown) {
    throw new FatalError(`listen on ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
  if (served) {
    throw new FatalError(`another process serves ${path}`);
  }
}

/** Serves a UNIX-domain socket of our own. Throws FatalError when somebody else does. */
export async function listenOnPath(
  path: string,
  socketServer: SocketServer,
  options: ListenerOptions,
): Promise<Listener> {
  requireUnserved(path);
  try {
    return await bindOwnSocket(path, () =>
      listen({ path, backlog: ownBacklog }, socketServer, options),
    );
  } catch (thrown) {
    throw new FatalError(`listen on ${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}

/** What net.Server's listen() takes. */
type Where = { fd: number; backlog: number } | { path: string; backlog: number };

async function listen(
  where: Where,
  socketServer: SocketServer,
  options: ListenerOptions,
): Promise<Listener> {
  const { log } = options;
  let watch: AcceptWatch | undefined;
  const accept = (transport: Transport): Connection => {
    watch?.accepted();
    return new Connection(transport, socketServer);
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => serveSocket(socket, accept));
  await started(server, where, options.transport);
  const { fd } = (server as unknown as { _handle?: { fd?: number } })._handle ?? {};
  if (fd !== undefined && fd >= 0) {
    watch = new AcceptWatch(() => canReadNow(fd));
  }
  server.on('error', (error) => log.error(`accept connection: ${reasonOf(error)}`));
  const byHandle =
    options.transport !== 'socket' &&
    serveHandles(server, accept, (errno) => {
      options.warn('accept', () => `accept connection: ${reasonOfErrno(errno)}`);
    });
  if (options.transport === 'handle' && !byHandle && socketServer.transport === null) {
    log.warning(
      `tlsmgr_transport = handle: the handles of Node.js ${process.version} aren't as expected: served through sockets, which is slower`,
    );
  }
  socketServer.transport = byHandle ? 'handle' : 'socket';
  const close = (): void => {
    watch?.close();
    if ('path' in where) {
      closeOwnSocket(server, where.path);
    } else {
      server.close();
    }
  };
  return { close };
}

function started(
  server: Server,
  where: Where,
  transport: ListenerOptions['transport'],
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    const mayUseHandles = transport !== 'socket' && 'fd' in where;
    if (!mayUseHandles || !listenAtOnce(server, where.fd, where.backlog)) {
      server.listen(where);
    }
  });
}
