/** Writes all bytes at a place of a file, with as many calls as the kernel needs. */
import { write, writeSync } from 'node:fs';

/** @param done told the error of the call that failed, null when all is written. */
export type WriteAt = (
  fd: number,
  bytes: Buffer,
  position: number,
  done: (error: Error | null) => void,
) => void;

/** Throws what write(2) fails with. */
export type WriteAtNow = (fd: number, bytes: Buffer, position: number) => void;

export const writeAt: WriteAt = (fd, bytes, position, done) => {
  write(fd, bytes, 0, bytes.length, position, (error, written) => {
    if (error === null && written < bytes.length) {
      // The kernel wrote a part of it: the next call writes the rest, or says what is wrong.
      writeAt(fd, bytes.subarray(written), position + written, done);
    } else {
      done(error);
    }
  });
};

export const writeAtNow: WriteAtNow = (fd, bytes, position) => {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
};
