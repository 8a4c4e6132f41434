/** What the tests of the pool's surroundings share. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PrngSettings } from '../../src/prng/prng.ts';
import type { Logger } from '../../src/log/logger.ts';

/** A logger that keeps its lines, and lets a test wait for one. */
export function keepingLog(): Logger & { lines: string[]; until(pattern: RegExp): Promise<void> } {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const keep = (severity: string) => (text: string) => {
    lines.push(`${severity}: ${text}`);
    for (const check of waiting) {
      check();
    }
  };
  return {
    verbose: 0,
    lines,
    info: keep('info'),
    warning: keep('warning'),
    error: keep('error'),
    until: (pattern) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (lines.some((line) => pattern.test(line))) {
            waiting.delete(check);
            resolve();
          }
        };
        waiting.add(check);
        check();
      }),
  };
}

export function scratchFolder(): { path(name: string): string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-prng-'));
  return {
    path: (name) => join(folder, name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function settings(changes: Partial<PrngSettings>): PrngSettings {
  return {
    source: '',
    bytes: 32,
    reseedPeriodSeconds: 3600,
    updatePeriodSeconds: 3600,
    egdListen: '',
    ...changes,
  };
}
