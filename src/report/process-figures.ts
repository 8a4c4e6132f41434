/**
 * Memory and processor time that the process uses. In a chroot there is no
 * /proc, so its file is opened before the chroot and read through the
 * descriptor.
 */
import { openSync, readSync } from 'node:fs';

const pageBytes = 4096;

export interface ProcessFigures {
  /** Resident memory, in bytes; 0 when it isn't known. */
  residentBytes(): number;
  /** Processor time used, in seconds. */
  processorSeconds(): number;
}

/** Opens what is needed; call it before chroot(2). */
export function openProcessFigures(): ProcessFigures {
  const fd = openStatm();
  const buffer = Buffer.alloc(128);
  return {
    residentBytes() {
      if (fd === undefined) {
        return 0;
      }
      const length = readSync(fd, buffer, 0, buffer.length, 0);
      const [, residentPages] = buffer.toString('latin1', 0, length).split(' ');
      return Number(residentPages) * pageBytes;
    },
    processorSeconds() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  };
}

function openStatm(): number | undefined {
  try {
    return openSync('/proc/self/statm', 'r');
  } catch {
    // A system without /proc: the figure is 0.
    return undefined;
  }
}
