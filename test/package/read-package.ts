/** package.json, as far as tests look at it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Package {
  version: string;
  engines: { node: string };
  exports: Record<string, unknown>;
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  os?: string[];
  cpu?: string[];
  libc?: string[];
}

export const root = join(import.meta.dirname, '../..');

export function readPackage(): Package {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package;
}
