/**
 * Finds the memory limits of this process: those of its control group and of the
 * groups above it (cgroups(7), both versions), and those of setrlimit(2). It reads
 * files, so call it before the chroot.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface MemoryLimit {
  /** For the log: `memory.max of /sys/fs/cgroup/x`, `RLIMIT_AS`. */
  name: string;
  bytes: number;
  /** How much of it is used already. */
  usedBytes: number;
  /** Whether the memory of other processes counts, too. */
  shared: boolean;
  kind: 'memory' | 'address space';
}

/** Version 1 has no word for "no limit": it shows a number this large or larger. */
const asGoodAsNone = 2 ** 60;

/** @param root for tests: the folder that has /proc and /sys. */
export function memoryLimits(root = ''): MemoryLimit[] {
  return [...groupLimits(root), ...processLimits(root)].filter(({ bytes }) => bytes < asGoodAsNone);
}

interface Group {
  /** Where groups are mounted, and the process's own group below that. */
  mount: string;
  path: string;
  files: readonly string[];
}

function groupLimits(root: string): MemoryLimit[] {
  // Asked for when there is a limit: most have none.
  let usedBytes: number | undefined;
  return groupsOf(root).flatMap(({ mount, path, files }) =>
    foldersFrom(mount, path).flatMap((folder, above) =>
      files.flatMap((file) => {
        const bytes = Number(textOf(root + join(folder, file)) ?? Number.NaN);
        if (!(bytes >= 0)) {
          // `max`, or no such file: the uppermost group has none.
          return [];
        }
        const processes = textOf(root + join(folder, 'cgroup.procs'))?.split('\n') ?? [];
        const shared = above > 0 || processes.length !== 1;
        // Memory of the program's own file can be reclaimed, so it isn't counted.
        usedBytes ??= statusBytes(root, 'RssAnon');
        return [
          { name: `${file} of ${folder}`, bytes, usedBytes, shared, kind: 'memory' as const },
        ];
      }),
    ),
  );
}

/** The groups that can limit memory. */
function groupsOf(root: string): Group[] {
  const lines = (textOf(`${root}/proc/self/mountinfo`) ?? '').split('\n');
  const mounts = lines.filter(isOfGroups).map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type, , options = ''] = after.split(' ');
    const [, , , top = '', mount = ''] = before.split(' ');
    return { top, mount, type, options: options.split(',') };
  });
  return (textOf(`${root}/proc/self/cgroup`) ?? '').split('\n').flatMap((line) => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/u.exec(line) ?? [];
    const isSecond = controllers === '' && line.startsWith('0::');
    if (!isSecond && !controllers.split(',').includes('memory')) {
      return [];
    }
    const found = mounts.find(({ type, options }) =>
      isSecond ? type === 'cgroup2' : type === 'cgroup' && options.includes('memory'),
    );
    const files = isSecond ? ['memory.max', 'memory.high'] : ['memory.limit_in_bytes'];
    if (found === undefined) {
      return [];
    }
    // In a container the mount begins at its own group.
    const { top, mount } = found;
    const below = top !== '/' && `${path}/`.startsWith(`${top}/`) ? path.slice(top.length) : path;
    return [{ mount, path: below === '' ? '/' : below, files }];
  });
}

function isOfGroups(line: string): boolean {
  return line.includes(' - cgroup');
}

/** A group's folder and all folders above it, up to the mount point. */
function foldersFrom(mount: string, path: string): string[] {
  const folders: string[] = [];
  // The path of a group outside of the namespace has `..` in it. Only mounted folders can be read.
  for (let at = path.includes('..') ? '/' : path; ; at = dirname(at)) {
    folders.push(at === '/' ? mount : join(mount, at));
    if (at === '/' || at === '.') {
      return folders;
    }
  }
}

function processLimits(root: string): MemoryLimit[] {
  const limits = textOf(`${root}/proc/self/limits`) ?? '';
  return (
    [
      ['Max address space', 'RLIMIT_AS', 'VmSize'],
      ['Max data size', 'RLIMIT_DATA', 'VmData'],
    ] as const
  ).flatMap(([row, name, used]) => {
    const soft = new RegExp(`^${row} +(\\d+)`, 'mu').exec(limits)?.[1];
    return soft === undefined
      ? []
      : [
          {
            name,
            bytes: Number(soft),
            usedBytes: statusBytes(root, used),
            shared: false,
            kind: 'address space' as const,
          },
        ];
  });
}

function statusBytes(root: string, field: string): number {
  const status = textOf(`${root}/proc/self/status`) ?? '';
  return 1024 * Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'mu').exec(status)?.[1] ?? 0);
}

/** The file's text. Undefined if it isn't there or can't be read: then no limit is known from it. */
function textOf(path: string): string | undefined {
  try {
    // Most of them aren't there, and an error takes ten times as long as this question. As UTF-8
    // Node reads a file by one native call, and else into 64 kB.
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd() : undefined;
  } catch {
    return undefined;
  }
}
