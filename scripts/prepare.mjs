// What `npm start` and `npm test` do first in a bare clone: install and build, if need be.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a command with this terminal; ends the process when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', cwd: root, ...options });
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')}: ${error?.message ?? `exit status ${status}`}`);
    process.exit(status ?? 1);
  }
}

export function installed(folder = root) {
  const marker = join(folder, 'node_modules/.package-lock.json');
  return existsSync(marker) && modified(marker) >= modified(join(folder, 'package-lock.json'));
}

export function install(folder = root) {
  if (!installed(folder)) {
    // None of the dependencies needs its script.
    run('npm', ['ci', '--ignore-scripts'], { cwd: folder });
  }
}

export function build() {
  const marker = join(root, 'dist/node-path');
  const sources = ['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) =>
    join(root, name),
  );
  const newest = Math.max(...sources.map(modified), newestBelow(join(root, 'src')));
  if (!existsSync(marker) || modified(marker) < newest) {
    run(process.execPath, ['scripts/build.mjs']);
  }
}

function newestBelow(folder) {
  return Math.max(
    0,
    ...readdirSync(folder, { withFileTypes: true }).map((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? newestBelow(path) : modified(path);
    }),
  );
}

function modified(path) {
  return statSync(path).mtimeMs;
}
