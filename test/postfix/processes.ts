/**
 * What the kernel says of a process, as /proc shows it: children, descriptors,
 * ids, root directory. Reads nothing of processes but their numbers' own files.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const pageBytes = 4096;

/** Whether there is such a process, and it isn't just waiting for its parent to look at it. */
export function isAlive(pid: number): boolean {
  const state = statusOf(`/proc/${pid}`)?.get('State');
  return state !== undefined && !/^[ZX]/u.test(state);
}

/** Name to value of a status file, blanks around values removed. Undefined when the process is gone. */
export function statusOf(folder: string): Map<string, string> | undefined {
  let text: string;
  try {
    text = readFileSync(`${folder}/status`, 'utf8');
  } catch {
    return undefined;
  }
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}

/** Status files of all its threads, the main one first. */
export function threadStatuses(pid: number): Map<string, string>[] {
  // By name: 10000 comes before 9999, and numbers begin anew at the kernel's limit.
  const others = readdirSync(`/proc/${pid}/task`).filter((thread) => Number(thread) !== pid);
  return [pid, ...others]
    .map((thread) => statusOf(`/proc/${pid}/task/${thread}`))
    .filter((status) => status !== undefined);
}

/** Bytes of its memory that are resident. */
export function residentBytes(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
  return Number(pages) * pageBytes;
}

export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => statusOf(`/proc/${pid}`)?.get('PPid') === String(parent));
}

/** The directory that is / to the process. */
export function rootOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/root`);
}

/** The name of the program that the process runs; undefined when it is gone. */
export function programOf(pid: number): string | undefined {
  const path = unlessGone(() => readlinkSync(`/proc/${pid}/exe`));
  return path === undefined ? undefined : basename(path);
}

/** Descriptor number to what it refers to. Empty when the process is gone. */
export function descriptorsOf(pid: number): Map<number, string> {
  const found = new Map<number, string>();
  let names: string[];
  try {
    names = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return found;
  }
  for (const name of names) {
    try {
      found.set(Number(name), readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      // Closed since it was listed.
    }
  }
  return found;
}

const closeOnExecFlag = 0o2000000;

/** Whether a started program would not get it. So too when it was closed since it was listed. */
export function closesOnExec(pid: number, fd: number): boolean {
  const info = unlessGone(() => readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'));
  if (info === undefined) {
    return true;
  }
  const flags = Number.parseInt(/^flags:\s*([0-7]+)/mu.exec(info)![1]!, 8);
  return (flags & closeOnExecFlag) !== 0;
}

/** Descriptor texts, `socket:[n]`, of the UNIX sockets bound to exactly this name. */
export function socketsBoundTo(name: string): Set<string> {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n');
  return new Set(
    lines
      .map((line) => line.split(/\s+/u))
      .filter((words) => words[7] === name)
      .map((words) => `socket:[${words[6]}]`),
  );
}

/** Undefined when what is to be read has ended since somebody knew of it. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT');
    return undefined;
  }
}
