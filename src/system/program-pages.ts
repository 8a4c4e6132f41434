/**
 * Pages of files that the process has mapped: its program and its libraries. A start
 * runs through code that is not needed again, and the kernel maps around each page
 * fifteen more. They are given back here: what is still needed comes back from the
 * kernel's cache of the file, sixteen pages at a time.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { releaseMapping } from './calls.ts';

/** Smaller mappings aren't worth a call. */
const leastBytes = 1024 * 1024;

/** What the kernel returns for one read is never longer. */
const chunkBytes = 4096;

interface Mapping {
  start: number;
  end: number;
}

export class ProgramPages {
  #fd: number | undefined;

  /** While there is a /proc. */
  constructor() {
    try {
      this.#fd = openSync('/proc/self/smaps', 'r');
    } catch {
      // Nothing is given back.
    }
  }

  /** Once. */
  release(): void {
    const fd = this.#fd;
    if (fd === undefined) {
      return;
    }
    this.#fd = undefined;
    try {
      for (const { start, end } of untouchedMappings(readAll(fd))) {
        releaseMapping(start, end - start);
      }
    } finally {
      closeSync(fd);
    }
  }
}

function readAll(fd: number): string {
  const chunk = Buffer.alloc(chunkBytes);
  let text = '';
  for (;;) {
    const length = readSync(fd, chunk);
    if (length === 0) {
      return text;
    }
    text += chunk.toString('latin1', 0, length);
  }
}

/**
 * Mappings of files that nobody may write to and nobody has written to: without
 * memory of their own, they are what the file is.
 *
 * @param text of smaps, proc_pid_smaps(5)
 */
export function untouchedMappings(text: string): Mapping[] {
  const header =
    /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ [0-9a-f:]+ ([1-9][0-9]*) .*\n((?:[A-Z].*\n?)*)/gmu;
  return [...text.matchAll(header)]
    .filter(([, , , , figures]) => /^Anonymous: +0 kB$/mu.test(figures!))
    .map(([, start, end]) => ({
      start: Number.parseInt(start!, 16),
      end: Number.parseInt(end!, 16),
    }))
    .filter(({ start, end }) => end - start >= leastBytes);
}
