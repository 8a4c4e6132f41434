/**
 * Reads files of the fleet's settings, before the chroot: those with secrets,
 * which only their owner may read, and others. Throws FatalError with the path
 * and the reason, and with nothing of the content.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { FatalError } from '../errors.ts';
import { reasonOf } from '../system/calls.ts';
import { openForReading, UnsafeFileError } from '../system/safe-open.ts';

const mostBytes = 1024 * 1024;
const readableByOthers = 0o077;

/** @returns its bytes. The caller overwrites them. */
export function readPrivateFile(path: string): Buffer {
  return read(path, true);
}

export function readPublicFile(path: string): Buffer {
  return read(path, false);
}

function read(path: string, isPrivate: boolean): Buffer {
  try {
    const fd = openForReading(path, ['regular file']);
    try {
      const { mode, uid, size } = fstatSync(fd);
      if (isPrivate && uid !== 0 && uid !== process.geteuid!()) {
        throw new UnsafeFileError(`file belongs to user ${uid}`);
      }
      if (isPrivate && (mode & readableByOthers) !== 0) {
        const octal = (mode & 0o7777).toString(8).padStart(4, '0');
        throw new UnsafeFileError(`file is open to group or others: mode ${octal}, not 0600`);
      }
      if (size > mostBytes) {
        throw new UnsafeFileError(`file has more than ${mostBytes} bytes`);
      }
      const bytes = Buffer.alloc(size);
      return bytes.subarray(0, readSync(fd, bytes, 0, size, 0));
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    throw new FatalError(`${path}: ${reasonOf(thrown)}`, { cause: thrown });
  }
}
