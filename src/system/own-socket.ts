/**
 * Makes a UNIX-domain socket of our own: mode 0600, in the place of a stale one
 * that an earlier process has left, and of nothing else: a file that happens to
 * stand at the path, or a socket that is served, is not ours to remove.
 */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
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
  return withUmask(ownerOnly, listen);
}

function withUmask<T>(mask: number, task: () => T): T {
  const before = setUmask(mask);
  try {
    return task();
  } finally {
    setUmask(before);
  }
}
