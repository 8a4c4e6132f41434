import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const entries = ['client/index.ts', 'tls/index.ts', 'tls/register.ts'];

/** Every module that a file loads, and what those load; types don't count. */
function loadedBy(file: string, found = new Set<string>()): Set<string> {
  for (const [, names = '', from = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)\s+(?!type\b)([^;]*?)\s*from '([^']+)';/gmu,
  )) {
    const isTypesOnly = /^\{(?:\s*type [^,}]+,?)+\s*\}$/u.test(names);
    if (isTypesOnly || found.has(from)) {
      continue;
    }
    if (from.startsWith('.')) {
      const path = join(dirname(file), from);
      if (!found.has(path)) {
        found.add(path);
        loadedBy(path, found);
      }
    } else {
      found.add(from);
    }
  }
  return found;
}

for (const entry of entries) {
  test(`${entry} loads nothing but modules of Node and its own: no native part`, () => {
    const file = fileURLToPath(new URL(`../../src/${entry}`, import.meta.url));
    const loaded = [...loadedBy(file)];
    const packages = loaded.filter((name) => !name.startsWith('/') && !name.startsWith('node:'));
    assert.deepEqual(packages, []);
    assert.ok(loaded.includes('node:net') || loaded.includes('node:tls'), 'finds what is loaded');
    assert.ok(!loaded.some((name) => name.includes('/src/system/calls.ts')));
  });
}
