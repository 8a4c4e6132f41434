/**
 * The package as `npm pack` makes it, installed into a scratch prefix as `npm
 * install` does. Where the registry can't be reached its dependencies are taken
 * from this checkout.
 */
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { runCommand, mustRun } from '../postfix/run-command.ts';
import { root } from './read-package.ts';

/** What the package depends on, with what that depends on. */
const libraries = ['prom-client', '@opentelemetry/api', 'tdigest', 'bintrees'];
const optionalLibraries = ['koffi', `@koromix/koffi-linux-${process.arch}`];

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

/** Gives up soon where there is no network. */
const patience = ['--fetch-retries=0', '--fetch-timeout=5000', '--prefer-offline'];

/** @returns how: by npm alone, or with the checkout's copy of what it couldn't fetch. */
export async function installGlobally(tarball: string, prefix: string): Promise<'npm' | 'copy'> {
  const args = ['install', '--global', '--prefix', prefix, ...quiet, ...patience, tarball];
  const { status } = await runCommand('npm', args);
  if (status === 0) {
    return 'npm';
  }
  await unpack(tarball, join(prefix, 'lib/node_modules'), [...libraries, ...optionalLibraries]);
  linkProgram(join(prefix, 'bin'), '../lib/node_modules/tlsmgr/bin/tlsmgr');
  return 'copy';
}

export async function uninstallGlobally(prefix: string): Promise<string> {
  return mustRun('npm', ['uninstall', '--global', '--prefix', prefix, ...quiet, 'tlsmgr']);
}

/** Into a project's own node_modules; without the optional dependencies, if so asked. */
export async function installIn(
  folder: string,
  tarball: string,
  { optional }: { optional: boolean } = { optional: true },
): Promise<'npm' | 'copy'> {
  if ((await installFor(folder, tarball, optional ? [] : ['--omit=optional'])) === undefined) {
    return 'npm';
  }
  const wanted = optional ? [...libraries, ...optionalLibraries] : libraries;
  await unpack(tarball, join(folder, 'node_modules'), wanted);
  linkProgram(join(folder, 'node_modules/.bin'), '../tlsmgr/bin/tlsmgr');
  return 'copy';
}

/** By npm alone, with more options. @returns what npm said if it failed. */
export async function installFor(
  folder: string,
  tarball: string,
  options: readonly string[],
): Promise<string | undefined> {
  const args = ['install', '--prefix', folder, ...quiet, ...patience, ...options, tarball];
  const { status, output } = await runCommand('npm', args);
  return status === 0 ? undefined : output;
}

async function unpack(tarball: string, modules: string, wanted: readonly string[]): Promise<void> {
  const home = join(modules, 'tlsmgr');
  mkdirSync(home, { recursive: true });
  await mustRun('tar', ['-xzf', tarball, '--strip-components=1', '--no-same-owner', '-C', home]);
  for (const name of wanted) {
    const to = join(home, 'node_modules', name);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(root, 'node_modules', name), to, { recursive: true });
  }
}

function linkProgram(folder: string, target: string): void {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'tlsmgr'))) {
    symlinkSync(target, join(folder, 'tlsmgr'));
  }
}
