/** What the tests of settings share: configuration directories, and postconf(1) where there is one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

const postconf = '/usr/sbin/postconf';

/** Why tests against postconf(1) are skipped; false when they are not. */
export const noPostconf = existsSync(postconf) ? false : 'Postfix is not installed: no postconf';

/** A directory of its own, removed after the test file. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tlsmgr-config-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a main.cf that nobody takes for one that is still being written. */
export function writeMainCf(directory: string, content: string | Buffer): void {
  const path = join(directory, 'main.cf');
  writeFileSync(path, content);
  const longAgo = new Date('2026-01-02T03:04:05Z');
  utimesSync(path, longAgo, longAgo);
}

export interface PostconfResult {
  /** Undefined when it failed. */
  values: Map<string, string> | undefined;
  /** Lines on standard error without `postconf: `. */
  messages: string[];
}

/** `postconf -x` of some parameters; one character a byte. */
export async function askPostconf(
  directory: string,
  names: readonly string[],
  overrides: readonly string[],
): Promise<PostconfResult> {
  const child = spawn(
    postconf,
    ['-c', directory, ...overrides.flatMap((text) => ['-o', text]), '-x', ...names],
    { env: {}, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  let errors = '';
  child.stdout.setEncoding('latin1').on('data', (chunk: string) => (output += chunk));
  child.stderr.setEncoding('latin1').on('data', (chunk: string) => {
    errors += chunk;
    if (/^\S*postconf: fatal: .*\n/mu.test(errors)) {
      // All is said; what is left is a second of sleep.
      child.kill('SIGKILL');
    }
  });
  const [status] = (await once(child, 'close')) as [number | null];
  const messages = errors.split('\n').map((line) => line.replace(/^\S*postconf: /u, ''));
  if (status !== 0) {
    return { values: undefined, messages };
  }
  const rows = output.split('\n').filter((row) => row !== '');
  return {
    values: new Map(
      rows.map((row): [string, string] => {
        const [, name, value] = /^(\w+) = ?([^]*)$/u.exec(row)!;
        return [name!, value!];
      }),
    ),
    messages,
  };
}
