/**
 * The reader of a contestant's log: the postlogd(8) of its instance, which writes
 * the lines to a file. It runs on the client's processor, as it isn't part of what
 * is measured.
 */
import { readFileSync, statSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, programOf } from '../test/postfix/processes.ts';
import { type Contestant, pin } from './contestants.ts';

const settleMs = 200;

export interface LoggedLines {
  written: number;
  /** As the lines about lost messages count them. */
  lost: number;
}

export class LogReader {
  readonly #path: string;

  /** Pins it, and empties its file. To be made before each run, as master(8) starts another one now and then. */
  constructor({ logPath, pids }: Contestant, processor: number) {
    this.#path = logPath;
    for (const pid of pids.flatMap(childrenOf)) {
      if (programOf(pid) === 'postlogd') {
        pin(pid, processor);
      }
    }
    truncateSync(logPath, 0);
  }

  /** What the log got since then, when nothing more comes. */
  async lines(): Promise<LoggedLines> {
    for (let size = -1; size !== statSync(this.#path).size;) {
      ({ size } = statSync(this.#path));
      await sleep(settleMs);
    }
    const text = readFileSync(this.#path, 'latin1');
    let lost = 0;
    for (const [, count] of text.matchAll(/warning: (\d+) messages? w\w+ lost here/gu)) {
      lost += Number(count);
    }
    return { written: text.split('\n').length - 1, lost };
  }
}
