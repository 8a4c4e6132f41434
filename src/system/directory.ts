/** Which directory a path lies in, whatever the directory is called. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** @returns device and inode of the directory; its name when it can't be examined. */
export function directoryOf(path: string): string {
  const directory = dirname(resolve(path));
  try {
    const { dev, ino } = statSync(directory);
    return `${dev}:${ino}`;
  } catch {
    // Whoever opens the file says why it can't be reached.
    return directory;
  }
}
