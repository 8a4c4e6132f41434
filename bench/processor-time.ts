/** Processor time and memory of other processes, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { residentBytes } from '../test/postfix/processes.ts';

/** Seconds that all threads of the processes have run. */
export function processorSeconds(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const [running] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ');
      nanoseconds += Number(running);
    }
  }
  return nanoseconds / 1e9;
}

/** Resident memory in MB (10^6 bytes). */
export function residentMegabytes(pid: number): number {
  return residentBytes(pid) / 1e6;
}
