/**
 * Debian packages to look at and to install. TLSMGR_TEST_DEB names a folder of
 * packages that are made already, as `npm run test:deb` does; without it one is
 * made that has the Node.js of this process, in seconds and without a network.
 */
import { readdirSync, readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../postfix/run-command.ts';
import { readPackage, root } from './read-package.ts';

/** A folder with packages that are to be shipped. */
export const shipped = process.env['TLSMGR_TEST_DEB'];

/** @param node what it has as its Node.js. @returns what scripts/deb.mjs said. */
export async function makeTrial(
  folder: string,
  node: string,
  ...options: string[]
): Promise<string> {
  const script = join(root, 'scripts/deb.mjs');
  return mustRun(process.execPath, [script, '--trial', node, '--out', folder, ...options]);
}

/** Paths of the packages in a folder. */
export function packagesIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.deb'))
    .toSorted()
    .map((name) => join(folder, name));
}

/** The one in a folder that is for this processor. */
export async function packageForHere(folder: string): Promise<string> {
  const architecture = (await mustRun('dpkg', ['--print-architecture'])).trim();
  return join(folder, `tlsmgr_${readPackage().version}_${architecture}.deb`);
}

/** Makes of a package the same with another version, in the folder as next.deb. */
export async function makeNext(path: string, version: string, folder: string): Promise<void> {
  const stage = join(folder, 'stage');
  mkdirSync(stage);
  await mustRun('dpkg-deb', ['--raw-extract', path, stage]);
  const was = readPackage().version;
  const control = join(stage, 'DEBIAN/control');
  replaceIn(control, `Version: ${was}\n`, `Version: ${version}\n`);
  const program = join(stage, 'usr/lib/tlsmgr/dist/program');
  for (const name of readdirSync(program).filter((one) => /\.m?js$/u.test(one))) {
    replaceIn(join(program, name), `"${was}"`, `"${version}"`);
  }
  const next = join(folder, 'next.deb');
  await mustRun('dpkg-deb', ['--root-owner-group', '-Znone', '--build', stage, next]);
}

function replaceIn(path: string, text: string, by: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(text, by));
}
