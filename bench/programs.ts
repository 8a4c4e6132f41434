/** The two C programs of the benchmark, compiled when they are older than their source. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const built = join(folder, '../run/bench');

/** @returns the program's path. */
export function program(name: 'load' | 'floor'): string {
  const source = join(folder, `${name}.c`);
  const path = join(built, name);
  mkdirSync(built, { recursive: true });
  const builtAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (builtAt < statSync(source).mtimeMs) {
    execFileSync('cc', ['-O2', '-Wall', '-o', path, source], { stdio: 'inherit' });
  }
  return path;
}
