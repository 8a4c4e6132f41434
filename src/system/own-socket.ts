/**
 * Makes a UNIX-domain socket of our own, with mode 0600. It replaces a stale
 * socket that an earlier process has left. It never removes a file of another kind
 * at the path, or a socket that is served. This holds at the end as well, when
 * another file may have taken our socket's place.
 */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { closeDescriptor, connectUnix, setUmask, SystemCallError } from './calls.ts';
import { requireSocketPath } from './socket-path.ts';

const ownerOnly = 0o177;

const unservedCodes = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTDIR']);

/**
 * Whether somebody serves the path. EAGAIN means a full queue, so a busy server.
 * Throws SystemCallError when this can't be found out.
 */
export function isServed(path: string): boolean {
  try {
    closeDescriptor(connectUnix(path, 'stream'));
    return true;
  } catch (thrown) {
    const code = thrown instanceof SystemCallError ? thrown.code : undefined;
    if (code === 'EAGAIN' || code === 'EPROTOTYPE') {
      return true;
    }
    if (code !== undefined && unservedCodes.has(code)) {
      return false;
    }
    throw thrown;
  }
}

/**
 * Runs `listen`, which must bind the path synchronously, before its first await. The
 * umask belongs to the whole process, so it is changed only for that time. Rejects
 * with the errors of the system calls: `EADDRINUSE` for a path that is served.
 */
export async function bindOwnSocket<T>(path: string, listen: () => Promise<T>): Promise<T> {
  requireSocketPath(path);
  // For a missing folder, bind(2) through libuv reports a lack of permission.
  statSync(dirname(path));
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) {
    if (isServed(path)) {
      throw new SystemCallError('bind', constants.errno.EADDRINUSE);
    }
    unlinkSync(path);
  }
  return withUmask(ownerOnly, () => {
    const listening = listen();
    const identity = identityOf(path);
    if (identity !== undefined) {
      bound.set(path, identity);
    }
    return listening;
  });
}

/**
 * Closes a server of bindOwnSocket(). When a server is closed, libuv removes the
 * file that has the name of its socket. If that is another file by now, the
 * server isn't closed: it ends with the process, and doesn't keep it alive.
 */
export function closeOwnSocket(server: Server, path: string): void {
  const identity = identityOf(path);
  if (identity === undefined || identity === bound.get(path)) {
    server.close();
  } else {
    server.unref();
  }
  bound.delete(path);
}

/** The device and inode of the socket that each server has bound. */
const bound = new Map<string, string>();

function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return found && `${found.dev}:${found.ino}`;
}

function withUmask<T>(mask: number, task: () => T): T {
  const before = setUmask(mask);
  try {
    return task();
  } finally {
    setUmask(before);
  }
}
