/** Reads a small file that holds keys. */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { openForReading } from './safe-open.ts';

export const longestKeyFileBytes = 4096;

export interface KeyFile {
  /** The first longestKeyFileBytes at most. The caller overwrites them. */
  content: Buffer;
  /** Whether its mode gives any right to its group or to others. */
  isOpen: boolean;
  uid: number;
  gid: number;
}

/**
 * Throws UnsafeFileError for a file that isn't a regular one, and what open(2) and
 * read(2) throw. Nobody waits for a FIFO.
 * @param reader the uid whose rights it is read with; undefined: those of the process.
 */
export function readKeyFile(path: string, reader?: number): KeyFile {
  const fd = openForReading(path, ['regular file'], reader);
  try {
    const content = Buffer.alloc(longestKeyFileBytes);
    const length = readSync(fd, content, 0, longestKeyFileBytes, 0);
    const { mode, uid, gid } = fstatSync(fd);
    return { content: content.subarray(0, length), isOpen: (mode & 0o077) !== 0, uid, gid };
  } finally {
    closeSync(fd);
  }
}
