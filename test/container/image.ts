/**
 * Carries out the instructions of a Containerfile without a container engine,
 * in namespaces of their own. What stands in the last stage before its first
 * COPY is the same for every build: it is carried out once, on a root that
 * debootstrap makes, and kept for the next run of the tests. The rest becomes a
 * script for a throw-away copy of that root.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Instruction, Stage } from './containerfile.ts';

export const builder = join(import.meta.dirname, '../systemd/throw-away-root.sh');
const cache = join(tmpdir(), 'tlsmgr-test-images');

/** Inside: the files of the context, and those of another stage, by number. */
const contextFolder = '/.context';
const copiedFolder = '/.copied';

export interface Image {
  /** What to copy. */
  readonly root: string;
  /** Shell, to be run in the copy: the instructions that are left. */
  readonly script: string;
  /** Lines of "FROM TO" that the script needs. */
  readonly binds: string;
}

/** No root can be had here, for want of debootstrap or of a mirror of Debian. */
export class NoRootError extends Error {}

/**
 * The first stage runs on a copy of this host, which has node and npm as its
 * image would. The second begins with Debian.
 * @param files the folder of what COPY copies.
 * @param scratch an empty folder.
 * @throws NoRootError; Error with the output of an instruction that fails.
 */
export function build([first, last]: readonly Stage[], files: string, scratch: string): Image {
  const firstCopy = last!.instructions.findIndex(({ name }) => name === 'COPY');
  const root = startOf(last!.from, last!.instructions.slice(0, firstCopy));
  const rest = last!.instructions.slice(firstCopy);
  const binds = [`${files} ${contextFolder}`, `${scratch} ${copiedFolder}`].join('\n');
  const wanted = rest.flatMap(({ text }) => {
    const [, source] = /^--from=\S+ (\S+) /u.exec(text) ?? [];
    return source === undefined ? [] : [source];
  });
  const handOver = wanted.map((source, number) => `cp -a ${source}/. ${copiedFolder}/${number}`);
  for (const number of wanted.keys()) {
    mkdirSync(join(scratch, String(number)));
  }
  carryOut([scriptOf(first!.instructions), ...handOver].join('\n'), { root: '/', binds });
  return { root, script: scriptOf(rest), binds };
}

/** What RUN and COPY would do. */
function scriptOf(instructions: readonly Instruction[]): string {
  let number = 0;
  const lines = instructions.map(({ name, text }) => {
    if (name === 'RUN') {
      return `(${text})`;
    }
    if (name !== 'COPY') {
      return '';
    }
    const [, stage, from, to] = /^(?:--from=(\S+) )?(\S+) (\S+)$/u.exec(text)!;
    const source = stage === undefined ? `${contextFolder}/${from}` : `${copiedFolder}/${number}/.`;
    number += stage === undefined ? 0 : 1;
    return `mkdir -p ${to} && cp -a ${source} ${to}`;
  });
  return ['set -e', ...lines].join('\n');
}

/** Debian with the instructions carried out, as it was kept or else made anew. */
function startOf(from: string, instructions: readonly Instruction[]): string {
  const [, suite] = /\/debian:([a-z]+)-slim$/u.exec(from)!;
  const script = scriptOf(instructions);
  const name = createHash('sha256').update(`${suite}\n${script}`).digest('hex').slice(0, 16);
  return kept(`${suite}-${process.arch}-${name}`, (folder) => {
    const debian = kept(`${suite}-${process.arch}`, (bare) => bootstrap(suite!, bare));
    spawnSync('cp', ['-a', `${debian}/.`, folder], { stdio: 'inherit' });
    carryOut(script, {
      root: folder,
      writable: true,
      binds: '/etc/resolv.conf /etc/resolv.conf',
    });
  });
}

function bootstrap(suite: string, folder: string): void {
  const words = ['--variant=minbase', suite, folder];
  const { status, stdout, error } = spawnSync('debootstrap', words, { encoding: 'utf8' });
  if (status !== 0) {
    const reason = error?.message ?? stdout.trim().split('\n').at(-1);
    throw new NoRootError(`debootstrap ${words.join(' ')}: ${reason}`);
  }
  // As in Debian's images: packages start nothing while they are installed.
  writeFileSync(join(folder, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
}

/** A folder that is made once, and whole. */
function kept(name: string, make: (folder: string) => void): string {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(cache);
  if (uid !== process.getuid!() || (mode & 0o077) !== 0) {
    throw new NoRootError(`${cache} is somebody else's`);
  }
  const folder = join(cache, name);
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) {
    const part = mkdtempSync(`${folder}-`);
    try {
      make(part);
      spawnSync('chmod', ['755', part]);
      renameSync(part, folder);
    } finally {
      rmSync(part, { recursive: true, force: true });
    }
  }
  return folder;
}

interface Place {
  root: string;
  binds: string;
  writable?: boolean;
}

function carryOut(script: string, { root, binds, writable = false }: Place): void {
  const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-build-'));
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child'];
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [...namespaces, builder, root, scratch, '/bin/sh', '-c', script],
    {
      encoding: 'utf8',
      maxBuffer: 100_000_000,
      env: { ...process.env, BINDS: binds, WRITABLE: writable ? 'yes' : '' },
    },
  );
  rmSync(scratch, { recursive: true });
  if (status !== 0) {
    throw new Error(`exit status ${status}: ${script}\n${stdout.slice(-4000)}${stderr}`);
  }
}
