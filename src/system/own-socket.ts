/**
 * Makes a UNIX-domain socket of our own: mode 0600, in the place of a stale one
 * that an earlier process has left, and of nothing else: a file that happens to
 * stand at the path is not ours to remove, and bind(2) says that it is there.
 */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { setUmask } from './calls.ts';

const ownerOnly = 0o177;

/**
 * Runs `listen`, which binds the path before it first gives up control. Rejects
 * with what the system calls throw. Whoever may find a served socket there asks
 * first whether somebody answers.
 */
export async function bindOwnSocket<T>(path: string, listen: () => Promise<T>): Promise<T> {
  // bind(2) through libuv calls a missing folder a lack of permission.
  statSync(dirname(path));
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) {
    unlinkSync(path);
  }
  const mask = setUmask(ownerOnly);
  try {
    return await listen();
  } finally {
    setUmask(mask);
  }
}
