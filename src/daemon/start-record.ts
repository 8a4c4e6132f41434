/**
 * The record that tells the launcher whether a start came to serve, and why not.
 * The launcher opens a file for it below queue_directory, which only root may
 * read, and puts the number of the descriptor into the environment. bin/tlsmgr
 * explains what follows from each state. The file is overwritten in place, which
 * needs no room on a full disk, and closed once the process serves. This module
 * imports nothing but Node's own modules, as it may have to report that a
 * library can't be loaded.
 *
 *     record = state " " options LF reload LF failures " " second LF reason LF
 *
 * Each is filled up with blanks. The daemon writes state and reason.
 */
import { closeSync, fstatSync, writeSync } from 'node:fs';

export const startRecordName = 'TLSMGR_START_RECORD';

/** Below queue_directory. */
export const startRecordPath = 'pid/tlsmgr.start';

const stateBytes = 9;
const reasonBytes = 240;
/** Behind a state with 20 bytes of options, 40 of a reload and 20 of counts. */
const reasonAt = 93;

/** `starting` and `original` are the launcher's to write. */
export type StartState = 'starting' | 'failed' | 'served' | 'original';

export class StartRecord {
  #fd: number | undefined;

  /** The one that the launcher left open, if it did. */
  constructor(environment: NodeJS.ProcessEnv) {
    const text = environment[startRecordName];
    // Not for programs that this process may start.
    delete environment[startRecordName];
    if (text !== undefined && isFile(Number(text))) {
      this.#fd = Number(text);
    }
  }

  /** Undefined once it has been told. */
  get descriptor(): number | undefined {
    return this.#fd;
  }

  served(): void {
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
