/**
 * Counts the open descriptors of the process, in a chroot too. In a chroot there
 * is no /proc. Its folder must not stay open either: an attacker who controls
 * the process could leave the chroot through the descriptor of a folder outside.
 * So the file /proc/self/status stays open. Its FDSize is above every descriptor,
 * and each number below it is checked. proc(5).
 */
import { openSync, readSync } from 'node:fs';
import { countDescriptors } from '../system/calls.ts';

/** FDSize stands in the first few lines. */
const headBytes = 1024;

/** Call it before chroot(2). @returns a function for the number, undefined where it isn't known. */
export function countOpenFiles(): () => number | undefined {
  let fd: number;
  try {
    fd = openSync('/proc/self/status', 'r');
  } catch {
    // A system without /proc: the figure is left out.
    return () => undefined;
  }
  const buffer = Buffer.alloc(headBytes);
  return () => {
    const length = readSync(fd, buffer, 0, buffer.length, 0);
    const size = /^FDSize:\s*(\d+)$/mu.exec(buffer.toString('latin1', 0, length));
    return size === null ? undefined : countDescriptors(Number(size[1]));
  };
}
