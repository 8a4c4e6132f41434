/**
 * Makes a UNIX-domain socket of our own: mode 0600, in the place of a stale one
 * that an earlier process has left, and of nothing else: a file that happens to
 * stand at the path, or a socket that is served, is not ours to remove: neither
 * before nor at the end, when somebody may have put another in its place.
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
 * Whether somebody serves the path, however busy: a queue that is full says
 * EAGAIN. Throws SystemCallError when that can't be found out.
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
 * Runs `listen`, which binds the path before it first gives up control: the mask
 * is the whole process's, so it is ours for no longer than that. Rejects with
 * what the system calls throw: `EADDRINUSE` for a path that is served.
 */
export async function bindOwnSocket<T>(path: string, listen: () => Promise<T>): Promise<T> {
  requireSocketPath(path);
  // bind(2) through libuv calls a missing folder a lack of permission.
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
 * Closes a server of bindOwnSocket(). libuv removes whatever has the name of its
 * socket then: where that is another file by now, the server is left to the end
 * of the process, and keeps nobody from it.
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

/** What was bound to which path, by device and inode. */
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
