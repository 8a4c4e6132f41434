/**
 * Whether master(8) could start this program, and should: it does so as root, so
 * nobody else may be able to change what is started. Examines names, owners and
 * modes, and asks another node for its version.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { messageOf } from '../../errors.ts';
import type { ProgramPaths } from '../postfix/launcher.ts';
import { anybody, replaceableBy, whatForbids } from './access.ts';
import type { Finding } from './finding.ts';
import { shellWord } from './shell-word.ts';

/** Of package.json's engines; a test holds it against them. */
export const oldestNode = '20.19';

const nodeLimitMs = 10_000;

export function programFindings({ node, program }: ProgramPaths): Finding[] {
  return [...nodeFindings(node), ...fileFindings(program)];
}

function nodeFindings(node: string): Finding[] {
  if (!existsSync(node)) {
    const text = `there is no ${node}: the daemon can't start`;
    const remedy = 'tlsmgr install  # with the Node.js that is to be used, once one is installed';
    return [{ severity: 'error', name: 'node-missing', text, remedy }];
  }
  const forbidden = whatForbids(node, anybody, 'execute');
  if (forbidden !== undefined) {
    return [
      {
        severity: 'error',
        name: 'node-private',
        text: `${node} is closed to others by ${forbidden}: a node in somebody's home is gone when they change versions, and can't be reached where a unit of systemd hides homes`,
        remedy:
          'tlsmgr install --node /usr/bin/node  # once Node.js is installed for the whole system',
      },
    ];
  }
  // Before it is executed.
  const unsafe = unsafeFindings([node]);
  if (unsafe.length > 0) {
    return unsafe;
  }
  return versionFindings(node);
}

function versionFindings(node: string): Finding[] {
  let found: string;
  try {
    found =
      realpathSync(node) === process.execPath
        ? process.version
        : execFileSync(node, ['--version'], {
            encoding: 'utf8',
            timeout: nodeLimitMs,
            stdio: ['ignore', 'pipe', 'pipe'],
          }).trim();
  } catch (thrown) {
    const text = `${node} does not run: ${messageOf(thrown).split('\n')[0]}`;
    const remedy = 'tlsmgr install --node /usr/bin/node  # names another; or install Node.js again';
    return [{ severity: 'error', name: 'node-broken', text, remedy }];
  }
  if (isNodeAtLeast(found, oldestNode)) {
    return [];
  }
  return [
    {
      severity: 'error',
      name: 'node-old',
      text: `${node} is ${found}: the daemon needs ${oldestNode} or later`,
      remedy: 'tlsmgr install --node /usr/bin/node  # names another; or install a later Node.js',
    },
  ];
}

/** @param found `v20.19.5`. */
export function isNodeAtLeast(found: string, wanted: string): boolean {
  const [major = 0, minor = 0] = found.replace(/^v/u, '').split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function fileFindings(program: string): Finding[] {
  if (!existsSync(program)) {
    const text = `there is no ${program}: the daemon can't start`;
    const remedy = 'tlsmgr install  # once the package is installed again; or tlsmgr uninstall';
    return [{ severity: 'error', name: 'program-missing', text, remedy }];
  }
  const folder = dirname(program);
  const own = readdirSync(folder).map((name) => join(folder, name));
  return unsafeFindings([...own, ...nativeFiles(program)]);
}

/** Where the one dependency has its code; nothing when it can't be found, which starting it tells. */
function nativeFiles(program: string): string[] {
  const from = createRequire(program);
  const names = ['koffi', `@koromix/koffi-linux-${process.arch}`];
  return names.flatMap((name) => {
    let folder: string;
    try {
      folder = dirname(from.resolve(name));
    } catch {
      // The package for another processor is another one.
      return [];
    }
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(?:c?js|node)$/u.test(file))
      .map((file) => join(folder, file));
  });
}

/** One finding, for the first file that somebody else could replace. */
function unsafeFindings(paths: readonly string[]): Finding[] {
  for (const path of paths) {
    const found = replaceableBy(path);
    if (found !== undefined) {
      return [
        {
          severity: 'error',
          name: 'program-unsafe',
          text: `${found.part} ${found.reason}, and master(8) starts ${path} as root`,
          remedy: `chown root ${shellWord(found.part)}; chmod o-w ${shellWord(found.part)}  # or install it elsewhere, as root`,
        },
      ];
    }
  }
  return [];
}
