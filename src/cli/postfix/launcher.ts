/**
 * What master(8) executes: a script below daemon_directory with the absolute
 * paths of node and of the program, since master(8) looks for commands nowhere
 * else and starts them without a PATH. Root's, and writable by nobody else.
 *
 *     daemon_directory/node-tlsmgr/tlsmgr            the script
 *     daemon_directory/node-tlsmgr/instances/HASH    one for each Postfix that
 *                                                    uses it: its config_directory
 *
 * The folder goes with the last of them. Throws what the file system throws.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { TlsmgrError } from '../../errors.ts';
import { ourCommand, ourFolder } from './master-line.ts';
import type { Postfix } from './postfix.ts';

export interface ProgramPaths {
  /** Absolute. */
  node: string;
  /** Absolute, of dist/program/main.js. */
  program: string;
}

export interface LauncherPaths extends ProgramPaths {
  /** Postfix's own tlsmgr, which serves when ours can't. */
  original: string;
  /** postlog(1). */
  postlog: string;
}

export class Launcher {
  readonly path: string;
  readonly #folder: string;
  readonly #instances: string;

  constructor(daemonDirectory: string) {
    this.path = join(daemonDirectory, ourCommand);
    this.#folder = join(daemonDirectory, ourFolder);
    this.#instances = join(this.#folder, 'instances');
  }

  /** The script as it is; undefined when there is none. */
  get text(): string | undefined {
    return existsSync(this.path) ? readFileSync(this.path, 'utf8') : undefined;
  }

  /** In one step, for a daemon may be starting. */
  write(text: string): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
    const fresh = `${this.path}.new`;
    rmSync(fresh, { force: true });
    writeFileSync(fresh, text, { mode: 0o755, flag: 'wx' });
    renameSync(fresh, this.path);
  }

  /** Whether this Postfix is among those that use it. */
  serves(configDirectory: string): boolean {
    return existsSync(this.#instanceFile(configDirectory));
  }

  register(configDirectory: string): void {
    mkdirSync(this.#instances, { recursive: true, mode: 0o755 });
    writeFileSync(this.#instanceFile(configDirectory), `${configDirectory}\n`, { mode: 0o644 });
  }

  /** Removes the script too when no other Postfix uses it. @returns those that do. */
  unregister(configDirectory: string): string[] {
    rmSync(this.#instanceFile(configDirectory), { force: true });
    const others = this.users();
    if (others.length === 0) {
      rmSync(this.#folder, { recursive: true, force: true });
    }
    return others;
  }

  /** Config directories whose master.cf still starts it. */
  users(): string[] {
    if (!existsSync(this.#instances)) {
      return [];
    }
    return readdirSync(this.#instances)
      .map((name) => readFileSync(join(this.#instances, name), 'utf8').trim())
      .filter((directory) => mentions(join(directory, 'master.cf')));
  }

  #instanceFile(configDirectory: string): string {
    const name = createHash('sha256').update(configDirectory).digest('hex').slice(0, 16);
    return join(this.#instances, name);
  }
}

/** What the launcher starts when ours can't be started, and by what it logs that. */
export function originalsOf(postfix: Postfix): Pick<LauncherPaths, 'original' | 'postlog'> {
  return {
    original: join(postfix.parameter('daemon_directory'), 'tlsmgr'),
    postlog: join(postfix.parameter('command_directory'), 'postlog'),
  };
}

/** From there on bin/tlsmgr of the package and what install writes are the same. */
const commonStart = /^# ---- From here on .*$/mu;

export function launcherText({ node, program, original, postlog }: LauncherPaths): string {
  const common = readFileSync(join(packageFolder(), 'bin/tlsmgr'), 'utf8');
  return `#!/bin/sh
# Starts tlsmgr for master(8). Written by "tlsmgr install", removed by "tlsmgr uninstall".
node=${quoted(node)}
program=${quoted(program)}
original=${quoted(original)}
postlog=${quoted(postlog)}
no_node() {
  missing="$node is missing: install Node.js, then run tlsmgr install$instance again"
}
no_program() {
  missing="$program is missing: install tlsmgr again, then run tlsmgr install$instance or tlsmgr uninstall$instance"
}

${common.slice(commonStart.exec(common)!.index).replace(/^.*\n#\n/u, '')}`;
}

/** Of this file's own package: the sources, dist/ and dist/program/ lie at different depths. */
function packageFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'bin/tlsmgr'))) {
    folder = dirname(folder);
  }
  return folder;
}

/** What a script of this or an earlier launcherText() starts; undefined for any other. */
export function pathsIn(text: string): ProgramPaths | undefined {
  const node = assigned(text, 'node');
  const program = assigned(text, 'program');
  return node === undefined || program === undefined ? undefined : { node, program };
}

/** Whether the script knows of Postfix's own tlsmgr: an earlier version's doesn't. */
export function handsOver(text: string): boolean {
  return assigned(text, 'original') !== undefined;
}

function assigned(text: string, name: string): string | undefined {
  const found = new RegExp(`^${name}='(.*)'$`, 'mu').exec(text);
  return found?.[1]!.replaceAll(String.raw`'\''`, "'");
}

function quoted(path: string): string {
  if (path.includes('\n')) {
    throw new TlsmgrError('UNAVAILABLE', `a path with a line end in it: ${path}`);
  }
  return `'${path.replaceAll("'", String.raw`'\''`)}'`;
}

function mentions(masterCf: string): boolean {
  return existsSync(masterCf) && readFileSync(masterCf, 'utf8').includes(ourCommand);
}
