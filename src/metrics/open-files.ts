/**
 * How many descriptors the process has, from inside a chroot as well. There is
 * no /proc there, and its folder may not be kept open: who has got control of
 * the process leaves the chroot by the descriptor of a folder outside. So a file
 * is kept, /proc/self/status, whose FDSize bounds the numbers of descriptors;
 * each number up to it is looked at. proc(5).
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
