// npm run release -- VERSION [--commit]: RELEASING.md says what it does. Without
// --commit it is a dry run, and the files that it has changed are put back.
//
// --skip-tests leaves npm test out of a dry run, to try this script.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, run } from './prepare.mjs';

/** What setting the version changes. */
const changed = [
  'package.json',
  'package-lock.json',
  'src/version.ts',
  'CHANGELOG.md',
  'man/tlsmgr.8',
];

const words = process.argv.slice(2);
const version = words.find((word) => !word.startsWith('--')) ?? '';
const commits = words.includes('--commit');
const skipsTests = words.includes('--skip-tests');

const lastVersion = JSON.parse(read('package.json')).version;
const heading = changelogHeading();
refuseUnlessReady();
try {
  setVersion();
  if (!skipsTests) {
    run('npm', ['test']);
  }
  run(process.execPath, ['scripts/build.mjs']);
  const tarball = pack();
  console.log(`${tarball}: installed, and says that it is ${version}`);
  if (commits) {
    git('commit', '--quiet', '--message', `Release ${version}`, '--', ...changed);
    git('tag', '--annotate', `v${version}`, '--message', `tlsmgr ${version}`);
    console.log(`committed and tagged v${version}: push both, then publish the tarball`);
  } else {
    console.log('a dry run: nothing was committed');
  }
} finally {
  if (!commits) {
    git('checkout', '--quiet', '--', ...changed);
  }
}

function refuseUnlessReady() {
  const parts = numbersOf(version);
  const last = numbersOf(lastVersion);
  if (parts === undefined) {
    stop('which version? npm run release -- 1.2.3');
  }
  if (skipsTests && commits) {
    stop('a release is tested: --skip-tests is for a dry run');
  }
  if (git('status', '--porcelain') !== '') {
    stop('there are changes that are not committed');
  }
  const at = parts.findIndex((part, index) => part !== last[index]);
  const first = heading.includes('not released') && heading.includes(` ${version},`);
  if (!(at === -1 ? first : parts[at] > last[at])) {
    stop(`${version} is not above the last version, ${lastVersion}`);
  }
  if (!heading.includes(` ${version},`)) {
    stop(`the first entry of CHANGELOG.md is "${heading}", not one of ${version}`);
  }
  if (git('tag', '--list', `v${version}`) !== '') {
    stop(`v${version} is tagged already`);
  }
}

function setVersion() {
  run('npm', ['version', version, '--no-git-tag-version', '--allow-same-version'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  replaceIn('src/version.ts', /'\d+\.\d+\.\d+'/u, `'${version}'`);
  const today = new Date().toISOString().slice(0, 10);
  replaceIn('CHANGELOG.md', heading, heading.replace('not released', today));
  run('npm', ['run', '--silent', 'manual']);
}

/** Packs, installs into a scratch folder, and asks what was installed. @returns the tarball. */
function pack() {
  const folder = mkdtempSync(join(tmpdir(), 'tlsmgr-release-'));
  try {
    const output = execFileSync('npm', ['pack', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const [{ filename }] = JSON.parse(output);
    const tarball = join(root, filename);
    run('npm', ['install', '--prefix', folder, '--ignore-scripts', tarball], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const installed = join(folder, 'node_modules/tlsmgr/package.json');
    const program = join(folder, 'node_modules/tlsmgr/bin/tlsmgr');
    const said = JSON.parse(readFileSync(installed, 'utf8')).version;
    const help = spawnSync(program, ['help'], { encoding: 'utf8' });
    if (said !== version || help.status !== 0) {
      throw new Error(`the installed package says ${said}; tlsmgr help: ${help.stderr}`);
    }
    return tarball;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function changelogHeading() {
  return /^## .*$/mu.exec(read('CHANGELOG.md'))?.[0] ?? '';
}

function numbersOf(text) {
  return /^\d+\.\d+\.\d+$/u.test(text) ? text.split('.').map(Number) : undefined;
}

function read(name) {
  return readFileSync(join(root, name), 'utf8');
}

function replaceIn(name, pattern, replacement) {
  writeFileSync(join(root, name), read(name).replace(pattern, replacement));
}

function git(...args) {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
}

function stop(reason) {
  console.error(reason);
  process.exit(1);
}
