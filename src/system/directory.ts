/** Identifies the directory of a path, whatever name it is reached by. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** @returns the directory's device and inode, or its name when it can't be examined. */
export function directoryOf(path: string): string {
  const directory = dirname(resolve(path));
  try {
    const { dev, ino } = statSync(directory);
    return `${dev}:${ino}`;
  } catch {
    // The code that opens the file will report the reason.
    return directory;
  }
}
