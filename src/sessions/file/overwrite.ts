/**
 * Overwrites what a cache file held that nobody will read back, in the
 * background, as well as the file system does that in place. The file has no
 * name any more.
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
 * @param path what it was called, for the log.
 * @returns when that is done. Never rejects: what fails is logged.
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
    // A hole stays one: the disk may be full.
    if (!piece.subarray(0, bytesRead).equals(zeros.subarray(0, bytesRead))) {
      piece.fill(0);
      for (let done = 0; done < bytesRead;) {
        const { bytesWritten } = await calls.write(fd, zeros, 0, bytesRead - done, at + done);
        done += bytesWritten;
      }
    }
    at += bytesRead;
  }
  // What isn't on the disk when the descriptor is closed never gets there.
  await calls.fdatasync(fd);
}
