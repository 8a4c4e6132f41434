/**
 * How many descriptors the process has, from inside a chroot as well: there is
 * no /proc there, but since Linux 6.2 the size of /proc/self/fd, opened before,
 * is their number (proc(5)). Older kernels tell 0: not known.
 */
import { constants, fstatSync, openSync } from 'node:fs';

/** Call it before chroot(2). @returns a function for the number, undefined where it isn't known. */
export function countOpenFiles(): () => number | undefined {
  let fd: number;
  try {
    fd = openSync('/proc/self/fd', constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    // A system without /proc: the figure is left out.
    return () => undefined;
  }
  return () => fstatSync(fd).size || undefined;
}
