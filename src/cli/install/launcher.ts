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
import { join } from 'node:path';
import { TlsmgrError } from '../../errors.ts';
import { ourCommand, ourFolder } from './master-line.ts';

export interface LauncherPaths {
  /** Absolute. */
  node: string;
  /** Absolute, of dist/program/main.js. */
  program: string;
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

export function launcherText({ node, program }: LauncherPaths): string {
  return `#!/bin/sh
# Starts tlsmgr for master(8). Written by "tlsmgr install", removed by "tlsmgr uninstall".
node=${quoted(node)}
program=${quoted(program)}

complain() {
  echo "tlsmgr: fatal: $1" >&2
  /usr/bin/logger -p mail.crit -t "postfix/tlsmgr[$$]" "fatal: $1" 2>/dev/null
  # master(8) starts a failed service again at once: do not let it spin.
  /bin/sleep 1
  exit 1
}

[ -x "$node" ] || complain "$node is missing: install Node.js, then run tlsmgr install again"
[ -r "$program" ] || complain "$program is missing: install tlsmgr again, or run tlsmgr uninstall"

TLSMGR_ARGV0=$0
export TLSMGR_ARGV0
# Without V8's middle compiler Node 24 and later take 5 to 10 MB less under load; nothing gets
# slower but the start, by 16 ms. A Node that doesn't know an option doesn't start: only those
# get it that are known to have it.
middle=
case $("$node" --version) in
  v2[4-6].*) middle=--no-maglev ;;
esac
# One thread collects garbage: helpers for a heap as small as this cost more than they do.
# A young generation of 2 MB does: a larger one would only take memory.
exec "$node" --single-threaded-gc --max-semi-space-size=2 $middle "$program" "$@"
`;
}

/** The paths in a script that launcherText() made; undefined for any other. */
export function pathsIn(text: string): LauncherPaths | undefined {
  const node = assigned(text, 'node');
  const program = assigned(text, 'program');
  return node === undefined || program === undefined ? undefined : { node, program };
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
