/**
 * What holds for the programs that master(8) starts, and keeps node from
 * starting or makes it slow: limits on memory, and memory in which nothing may
 * be executed that was written before. Read of the running master, as root or
 * not; of a Postfix that is stopped, what systemd would do.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { startRecordPath } from '../../daemon/start-record.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

/** What a start takes, rounded up; docs/limits.md has what was measured. Caches come on top. */
export const leastAddressSpaceBytes = 1024 * 1024 * 1024;
export const leastDataBytes = 128 * 1024 * 1024;

const memoryLimits = [
  {
    severity: 'error',
    name: 'limit-address-space',
    title: 'Max address space',
    where: 'LimitAS=, ulimit -v',
    least: leastAddressSpaceBytes,
  },
  {
    severity: 'error',
    name: 'limit-data',
    title: 'Max data size',
    where: 'LimitDATA=, ulimit -d',
    least: leastDataBytes,
  },
] as const;

/** Of Postfix itself, and of Debian's for its first instance. */
const usualUnits = ['postfix.service', 'postfix@-.service'];

const systemctlLimitMs = 5000;

export interface Kernel {
  /** Content of a file below /proc; undefined if there is none. */
  read: (path: string) => string | undefined;
  /** Whether a unit of systemd has MemoryDenyWriteExecute. */
  deniesMadeCode: (unit: string) => boolean;
}

export function confinementFindings(
  queueDirectory: string,
  kernel: Kernel = thisKernel,
): Finding[] {
  const pid = kernel.read(join(queueDirectory, 'pid/master.pid'))?.trim();
  const limits = pid === undefined ? undefined : kernel.read(`/proc/${pid}/limits`);
  const findings: Finding[] = [];
  for (const { severity, name, title, where, least } of memoryLimits) {
    const bytes = limitIn(limits ?? '', title);
    if (bytes < least) {
      findings.push({
        severity,
        name,
        text: `master(8) runs with ${megabytes(bytes)} MB as its ${title.toLowerCase()}: node needs ${megabytes(least)} to start, and room for the caches besides`,
        remedy: `# raise it where Postfix is started (${where}), or take it away; then postfix stop, postfix start`,
      });
    }
  }
  const own = limits === undefined ? undefined : unitOf(kernel.read(`/proc/${pid}/cgroup`) ?? '');
  const units = limits === undefined ? usualUnits : own === undefined ? [] : [own];
  const unit = units.find((name) => kernel.deniesMadeCode(name));
  // The launcher has found it out, whoever it is that forbids it.
  const noted = kernel.read(join(queueDirectory, startRecordPath))?.includes('--jitless') === true;
  if (unit !== undefined || noted) {
    const where = unit ?? 'postfix';
    findings.push({
      severity: 'warning',
      name: 'made-code-denied',
      text: `${unit === undefined ? 'something like MemoryDenyWriteExecute=yes holds for Postfix' : `MemoryDenyWriteExecute=yes in ${unit}`}: node can't compile, and looks sessions up at about half the speed of Postfix's own`,
      remedy: `systemctl edit ${shellWord(where)}  # with MemoryDenyWriteExecute=no below [Service], then start Postfix again; or leave it so`,
    });
  }
  return findings;
}

/** The soft limit: programs inherit it. */
function limitIn(limits: string, title: string): number {
  const found = new RegExp(`^${title} +(\\d+)`, 'mu').exec(limits);
  return found === null ? Infinity : Number(found[1]);
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / 1024 / 1024);
}

/** The unit in a line of proc_pid_cgroup(5). */
function unitOf(cgroups: string): string | undefined {
  return cgroups
    .split('\n')
    .map((line) => basename(line))
    .find((name) => name.endsWith('.service'));
}

const thisKernel: Kernel = {
  read: (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      // Not there, or not for this user.
      return undefined;
    }
  },
  deniesMadeCode: (unit) => {
    try {
      const said = execFileSync(
        'systemctl',
        ['show', '--property=MemoryDenyWriteExecute', '--value', unit],
        { encoding: 'utf8', timeout: systemctlLimitMs, stdio: ['ignore', 'pipe', 'ignore'] },
      );
      return said.trim() === 'yes';
    } catch {
      // No systemd here, or it doesn't answer.
      return false;
    }
  },
};
