/**
 * Overwrites the content of a cache file that was removed: nobody will read it
 * back. This happens in the background. Whether the old bytes are really gone
 * depends on whether the file system overwrites in place.
 */
import { close, fdatasync, read, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Logger } from '../../log/logger.ts';
import { reasonOf } from '../../system/calls.ts';

const pieceBytes = 1024 * 1024;
const calls = {
  close: promisify(close),
  fdatasync: promisify(fdatasync),
  read: promisify(read),
  write: promisify(write),
};

/**
 * @param path the name that the file had, for the log.
 * @returns resolves when the file is closed. Never rejects: what fails is logged.
 */
export async function overwriteAndClose(fd: number, path: string, log: Logger): Promise<void> {
  try {
    try {
      await overwrite(fd);
    } finally {
      await calls.close(fd);
    }
  } catch (thrown) {
    log.warning(`cannot overwrite what was ${path}: ${reasonOf(thrown)}`);
  }
}

async function overwrite(fd: number): Promise<void> {
  const piece = Buffer.alloc(pieceBytes);
  const zeros = Buffer.alloc(pieceBytes);
  for (let at = 0; ;) {
    const { bytesRead } = await calls.read(fd, piece, 0, pieceBytes, at);
    if (bytesRead === 0) {
      break;
    }
    // Zeros are not written again. They may be a hole, and the disk may be full.
    if (!piece.subarray(0, bytesRead).equals(zeros.subarray(0, bytesRead))) {
      piece.fill(0);
      for (let done = 0; done < bytesRead;) {
        const { bytesWritten } = await calls.write(fd, zeros, 0, bytesRead - done, at + done);
        done += bytesWritten;
      }
    }
    at += bytesRead;
  }
  // The file has no name: the kernel may drop unsynced writes when it is closed.
  await calls.fdatasync(fd);
}
