/**
 * The record that tells the launcher whether a start came to serve, and why not.
 * The launcher opens a file for it below queue_directory, which only root may
 * read, and puts the number of the descriptor into the environment. bin/tlsmgr
 * explains what follows from each state. The file is overwritten in place, which
 * needs no room on a full disk, and closed once the process serves. This module
 * imports nothing but Node's own modules, as it may have to report that a
 * library can't be loaded.
 *
 *     record = state " " options LF reload LF failures " " second LF reason LF node LF
 *
 * Each is filled up with blanks. The daemon writes state and reason. `node` is the
 * file that the launcher has started, as `mount:inode`. The launcher doesn't ask
 * this file for its version again, since it has served. The daemon overwrites it
 * with blanks where that isn't so: the file may be a script that starts another
 * one, or it was replaced since.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

export const startRecordName = 'TLSMGR_START_RECORD';

/** Below queue_directory. */
export const startRecordPath = 'pid/tlsmgr.start';

const stateBytes = 9;
const reasonBytes = 240;
/** Behind a state with 20 bytes of options, 40 of a reload and 20 of counts. */
const reasonAt = 93;
const nodeAt = reasonAt + reasonBytes + 1;
const nodeBytes = 40;

/** `starting` and `original` are the launcher's to write. */
export type StartState = 'starting' | 'failed' | 'served' | 'original';

export class StartRecord {
  #fd: number | undefined;
  /** Of node's own file. */
  #nodeFd: number | undefined;
  #node = '';

  /** The one that the launcher left open, if it did. */
  constructor(environment: NodeJS.ProcessEnv) {
    const text = environment[startRecordName];
    // Not for programs that this process may start.
    delete environment[startRecordName];
    if (text !== undefined && isFile(Number(text))) {
      this.#fd = Number(text);
      this.#openNode();
    }
  }

  /** Undefined once it has been told. */
  get descriptor(): number | undefined {
    return this.#fd;
  }

  served(): void {
    this.#judgeNode();
    this.#tell('served', '');
  }

  /** @returns whether the next start will know: it is Postfix's own program then. */
  failed(reason: string): boolean {
    return this.#tell('failed', reason);
  }

  #tell(state: 'served' | 'failed', reason: string): boolean {
    const fd = this.#fd;
    if (fd === undefined) {
      return false;
    }
    this.#fd = undefined;
    this.#closeNode();
    try {
      writeSync(fd, reasonText(reason), reasonAt, 'latin1');
      return writeSync(fd, state.padEnd(stateBytes), 0, 'latin1') === stateBytes;
    } catch {
      // A disk that fails. The record stays as it was, which counts as a start that failed.
      return false;
    } finally {
      closeSync(fd);
    }
  }

  /** While there is a /proc. */
  #openNode(): void {
    try {
      const fd = openSync('/proc/self/exe', 'r');
      this.#nodeFd = fd;
      const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
      const of = (key: string): string => new RegExp(`^${key}:\\s*(\\d+)$`, 'mu').exec(text)![1]!;
      this.#node = `${of('mnt_id')}:${of('ino')}`;
    } catch {
      // Not told on Linux before 5.14: the launcher asks each time then.
    }
  }

  /** Leaves the file in the record only where it is the one that runs here, and still has its name. */
  #judgeNode(): void {
    if (this.#fd === undefined) {
      return;
    }
    try {
      const bytes = Buffer.alloc(nodeBytes);
      readSync(this.#fd, bytes, 0, nodeBytes, nodeAt);
      const started = bytes.toString('latin1').trim();
      const isThis = started === this.#node && fstatSync(this.#nodeFd!).nlink > 0;
      if (started !== '' && !isThis) {
        writeSync(this.#fd, ' '.repeat(nodeBytes), nodeAt, 'latin1');
      }
    } catch {
      // A disk that fails.
    }
  }

  #closeNode(): void {
    if (this.#nodeFd !== undefined) {
      closeSync(this.#nodeFd);
      this.#nodeFd = undefined;
    }
  }
}

export interface ParsedStartRecord {
  state: StartState;
  /** Empty before any start. */
  reload: string;
  reason: string;
}

/** What the text of a record says; undefined when it is none. */
export function parseStartRecord(text: string): ParsedStartRecord | undefined {
  const [first = '', reload = '', , reason = ''] = text.split('\n').map((line) => line.trim());
  const [state] = first.split(' ') as [string];
  const states: readonly string[] = ['starting', 'failed', 'served', 'original'];
  return states.includes(state) ? { state: state as StartState, reload, reason } : undefined;
}

/** Of one length always: it is written over another. */
function reasonText(reason: string): string {
  const line = reason.replaceAll(/[^\x20-\x7e]+/gu, ' ').trim();
  return line.slice(0, reasonBytes).padEnd(reasonBytes);
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    // Not open.
    return false;
  }
}
