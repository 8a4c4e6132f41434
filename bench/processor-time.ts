/** Processor time and memory of other processes, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

const pageBytes = 4096;

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
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
  return (Number(pages) * pageBytes) / 1e6;
}
