/**
 * The package as `npm pack` makes it, installed into a scratch prefix as `npm
 * install -g` does. Where the registry can't be reached its one dependency is
 * taken from this checkout.
 */
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand, mustRun } from '../postfix/run-command.ts';
import { root } from './read-package.ts';

/** Without install scripts, whatever the user's configuration says. */
const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** @returns the path of the tarball in the folder. */
export async function pack(folder: string): Promise<string> {
  const args = ['pack', root, '--pack-destination', folder, ...quiet];
  const output = await mustRun('npm', args);
  return join(folder, output.trim().split('\n').at(-1)!);
}

/** The files that the package has, without packing it. */
export async function packedFiles(): Promise<string[]> {
  const output = await mustRun('npm', ['pack', root, '--dry-run', '--json', ...quiet]);
  const [found] = JSON.parse(output.slice(output.search(/^\[/mu))) as {
    files: { path: string }[];
  }[];
  return found!.files.map(({ path }) => path);
}

/** @returns how: by npm alone, or with the checkout's copy of what it couldn't fetch. */
export async function installGlobally(tarball: string, prefix: string): Promise<'npm' | 'copy'> {
  // Gives up soon where there is no network.
  const patience = ['--fetch-retries=0', '--fetch-timeout=5000', '--prefer-offline'];
  const args = ['install', '--global', '--prefix', prefix, ...quiet, ...patience, tarball];
  const { status } = await runCommand('npm', args);
  if (status === 0) {
    return 'npm';
  }
  await unpack(tarball, prefix);
  return 'copy';
}

async function unpack(tarball: string, prefix: string): Promise<void> {
  const home = join(prefix, 'lib/node_modules/tlsmgr');
  mkdirSync(home, { recursive: true });
  await mustRun('tar', ['-xzf', tarball, '--strip-components=1', '--no-same-owner', '-C', home]);
  for (const name of ['koffi', `@koromix/koffi-linux-${process.arch}`]) {
    const to = join(home, 'node_modules', name);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(root, 'node_modules', name), to, { recursive: true });
  }
  mkdirSync(join(prefix, 'bin'), { recursive: true });
  if (!existsSync(join(prefix, 'bin/tlsmgr'))) {
    symlinkSync('../lib/node_modules/tlsmgr/bin/tlsmgr', join(prefix, 'bin/tlsmgr'));
  }
}
