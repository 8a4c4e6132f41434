/** Inputs that have reached something, a file each, named after their content. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, 'corpus');

/** In the order of their names, so that a run can be repeated. */
export function readCorpus(target: string): Buffer[] {
  const folder = join(root, target);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    // A target without a corpus begins with its own inputs.
    return [];
  }
  return names.toSorted().map((name) => readFileSync(join(folder, name)));
}

export function keepInput(target: string, input: Buffer): void {
  mkdirSync(join(root, target), { recursive: true });
  writeFileSync(pathOf(target, input), input);
}

export function dropInput(target: string, input: Buffer): void {
  rmSync(pathOf(target, input));
}

function pathOf(target: string, input: Buffer): string {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 16);
  return join(root, target, name);
}
