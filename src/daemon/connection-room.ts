/**
 * Tells how many connections the limit of open files allows. Idle connections
 * are closed before descriptors run out. Without descriptors libuv would accept
 * new clients and close them at once, and nothing could be logged.
 */
import type { Logger } from '../log/logger.ts';
import { openDescriptors, openFilesLimit } from '../system/calls.ts';

/** For files that are opened again, a log that comes back, a source that is asked. */
const spare = 16;
const metricsClients = 16;

/** This many descriptors always stay free. */
const keptFree = 8;

/** Fewer are worth a line, if more are wanted. */
const fewConnections = 1000;

export interface ConnectionRoom {
  /** Connections at most. */
  connections: number;
  /** A connection with this descriptor, or one above it, takes the place of another. */
  scarceDescriptor: number;
}

export interface Descriptors {
  limit: number;
  /** When all is open that a service has without clients. */
  open: number;
  metrics: boolean;
}

export function roomFor({ limit, open, metrics }: Descriptors): ConnectionRoom {
  const free = limit - open;
  const others = spare + (metrics ? metricsClients : 0);
  return {
    connections: Math.max(1, free - others, Math.floor(free / 2)),
    scarceDescriptor: limit - keptFree,
  };
}

/** Call it when everything else is open. Warns when it is less than main.cf allows. */
export function connectionRoom(wanted: number, metrics: boolean, log: Logger): ConnectionRoom {
  const limit = openFilesLimit();
  const room = roomFor({ limit, open: openDescriptors(), metrics });
  if (room.connections < Math.min(wanted, fewConnections)) {
    log.warning(
      `the limit of open files, ${limit}, leaves room for ${room.connections} connections, not tlsmgr_connection_limit = ${wanted}: raise it where Postfix is started (LimitNOFILE, or ulimit -n)`,
    );
  }
  return room;
}
