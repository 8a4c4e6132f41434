/** Our tlsmgr with a clock that is wrong, by libfaketime. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tlsmgrUnderTest } from '../../postfix/under-test.ts';

const library = findLibrary();

export const skipWithoutFalseClock: string | false =
  library === undefined && 'no libfaketime: Debian has it in the package faketime';

function findLibrary(): string | undefined {
  return readdirSync('/usr/lib')
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => join('/usr/lib', name, 'faketime/libfaketimeMT.so.1'))
    .find((path) => existsSync(path));
}

/** @param offset such as `+74s`. @returns a program to be run as tlsmgr. */
export function tlsmgrWithClock(offset: string): string {
  const folder = mkdtempSync('/tmp/tlsmgr-false-clock-');
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const path = join(folder, 'tlsmgr');
  const script = `#!/bin/sh
export LD_PRELOAD=${library} FAKETIME=${offset} FAKETIME_DONT_FAKE_MONOTONIC=1
exec ${tlsmgrUnderTest} "$@"
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}
