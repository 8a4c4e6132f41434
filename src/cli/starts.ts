/** What the launcher has noted of starts, below queue_directory: bin/tlsmgr. Readable by root alone. */
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseStartRecord, startRecordPath } from '../daemon/start-record.ts';

/** Why the launcher has started Postfix's own tlsmgr; undefined if it hasn't, or that can't be read. */
export function reasonForOriginal(queueDirectory: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(join(queueDirectory, startRecordPath), 'latin1');
  } catch {
    // None yet, or not for this user.
    return undefined;
  }
  const record = parseStartRecord(text);
  if (record?.state !== 'original') {
    return undefined;
  }
  return record.reason === '' ? 'it ends before it serves' : record.reason;
}

/** Of the Postfix that has this socket, `queue_directory/private/tlsmgr`. */
export function queueDirectoryOf(socketPath: string): string {
  return dirname(dirname(socketPath));
}

/** What has failed before doesn't count any more. */
export function forgetStarts(queueDirectory: string): void {
  rmSync(join(queueDirectory, startRecordPath), { force: true });
}
