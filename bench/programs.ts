/** The programs of the benchmark that aren't run by its own node. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = import.meta.dirname;
const built = join(folder, '../run/bench');

/** Compiles a C program that is older than its source. @returns its path. */
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

/** A script that master(8) can start: node-floor.mjs with a node. @returns its path. */
export function nodeFloorProgram(node: string): string {
  const path = join(built, 'node-floor');
  mkdirSync(built, { recursive: true });
  const command = `exec ${node} ${usualOptions} ${join(folder, 'node-floor.mjs')} "$@"`;
  writeFileSync(path, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  return path;
}

/** What bin/tlsmgr gives node. */
const usualOptions = '--v8-pool-size=1';
