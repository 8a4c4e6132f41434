/** What the launcher has noted of starts, below queue_directory: bin/tlsmgr. Readable by root alone. */
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseStartRecord, startRecordPath } from '../daemon/start-record.ts';

/** Why the launcher has started Postfix's own tlsmgr; undefined if it hasn't, or that can't be read. */
export function reasonForOriginal(queueDirectory: string): string | undefined {
  const path = join(queueDirectory, startRecordPath);
  let text: string;
  try {
    if (!lstatSync(path).isFile()) {
      // A FIFO would block. The launcher doesn't read it either.
      return undefined;
    }
    text = readFileSync(path, 'latin1');
  } catch {
    // None yet, or not for this user.
    return undefined;
  }
  const record = parseStartRecord(text);
  // Without a reload it is install's: a rehearsal is due, and nothing was started since.
  if (record?.state !== 'original' || record.reload === '') {
    return undefined;
  }
  return record.reason === '' ? 'it ends before it serves' : record.reason;
}

/** Of the Postfix that has this socket, `queue_directory/private/tlsmgr`. */
export function queueDirectoryOf(socketPath: string): string {
  return dirname(dirname(socketPath));
}

/**
 * The next start is rehearsed before, under the conditions of master(8): where
 * ours can't start there, the original does at once, and says why.
 */
export function rehearseNextStart(queueDirectory: string): void {
  // Another kind of file may stand there, which would block, or lead elsewhere.
  forgetStarts(queueDirectory);
  const path = join(queueDirectory, startRecordPath);
  // A Postfix that has never been started lacks it, as in the build of a container.
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeFileSync(path, 'original\n\n0 0\n\n', { mode: 0o600, flag: 'wx' });
}

/** What has failed before doesn't count any more. */
export function forgetStarts(queueDirectory: string): void {
  rmSync(join(queueDirectory, startRecordPath), { force: true });
}
