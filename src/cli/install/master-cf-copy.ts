/**
 * master.cf as it was, and a record of what install made of it, both beside it:
 *
 *     master.cf.before-tlsmgr    a copy, byte for byte, with owner and mode
 *     tlsmgr-install.json        { format, line, sha256 }: the line that was
 *                                there, and the hash of master.cf afterwards
 *
 * The hash tells whether somebody has changed master.cf since: only a file that
 * nobody touched is replaced as a whole. Throws what the file system throws, and
 * TlsmgrError `STORAGE` for a record that can't be understood.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TlsmgrError } from '../../errors.ts';
import { openForReading, replaceFile, UnsafeFileError } from '../../system/safe-open.ts';

/** A file's content, owner and mode. */
interface Snapshot {
  content: Buffer;
  mode: number;
  uid: number;
  gid: number;
}

export interface InstallRecord {
  format: 1;
  /** The line of the service before the first install. */
  line: string;
  /** Of master.cf after install, in hexadecimal. */
  sha256: string;
}

export class MasterCfCopy {
  readonly masterCf: string;
  readonly backup: string;
  readonly recordPath: string;

  constructor(configDirectory: string) {
    this.masterCf = join(configDirectory, 'master.cf');
    this.backup = join(configDirectory, 'master.cf.before-tlsmgr');
    this.recordPath = join(configDirectory, 'tlsmgr-install.json');
  }

  /** Undefined when nothing is installed. */
  record(): InstallRecord | undefined {
    if (!existsSync(this.recordPath)) {
      return undefined;
    }
    const found = parsed(snapshot(this.recordPath).content.toString('utf8'));
    if (found === undefined) {
      throw new TlsmgrError('STORAGE', `${this.recordPath} can't be understood: remove it`);
    }
    return found;
  }

  /** Whether master.cf is as install left it, and there is a copy of what it was. */
  isUntouched(record: InstallRecord): boolean {
    return existsSync(this.backup) && record.sha256 === this.#sha256();
  }

  /** Copies master.cf before its first change. */
  keep(): void {
    put(this.backup, snapshot(this.masterCf));
  }

  /** @param known whether all that master.cf now holds, but for the copy, came from install. */
  note(line: string, known: boolean): void {
    const record: InstallRecord = { format: 1, line, sha256: known ? this.#sha256() : '' };
    replaceFile(this.recordPath, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o644 });
  }

  /** Puts master.cf back as a whole. */
  putBack(): void {
    put(this.masterCf, snapshot(this.backup));
  }

  forget(): void {
    rmSync(this.recordPath, { force: true });
    rmSync(this.backup, { force: true });
  }

  /** Remembers all three files. @returns what puts them back as they are now. */
  remember(): () => void {
    const files = [this.masterCf, this.backup, this.recordPath].map((path) => ({
      path,
      was: existsSync(path) ? snapshot(path) : undefined,
    }));
    return () => {
      for (const { path, was } of files) {
        if (was === undefined) {
          rmSync(path, { force: true });
        } else {
          put(path, was);
        }
      }
    };
  }

  #sha256(): string {
    return createHash('sha256').update(snapshot(this.masterCf).content).digest('hex');
  }
}

function snapshot(path: string): Snapshot {
  const fd = openRegular(path);
  try {
    const { mode, uid, gid } = fstatSync(fd);
    return { content: readFileSync(fd), mode: mode & 0o7777, uid, gid };
  } finally {
    closeSync(fd);
  }
}

function openRegular(path: string): number {
  try {
    return openForReading(path, ['regular file']);
  } catch (thrown) {
    throw thrown instanceof UnsafeFileError
      ? new TlsmgrError('STORAGE', `${path}: ${thrown.message}`, { cause: thrown })
      : thrown;
  }
}

function put(path: string, { content, mode, uid, gid }: Snapshot): void {
  replaceFile(path, content, { mode, uid, gid });
}

function parsed(text: string): InstallRecord | undefined {
  let found: Partial<InstallRecord> | null;
  try {
    found = JSON.parse(text) as Partial<InstallRecord> | null;
  } catch {
    // Told to the caller, who knows the path.
    return undefined;
  }
  return found?.format === 1 && typeof found.line === 'string' && typeof found.sha256 === 'string'
    ? (found as InstallRecord)
    : undefined;
}
