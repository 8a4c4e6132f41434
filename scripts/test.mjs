// npm test: everything, from a bare clone. Installs, builds, brings the real
// peers where it may, checks types, lint, format and unused code, runs all
// suites, and says loudly what it had to skip.
//
//   npm test                           everything
//   npm test -- protocol               only test/protocol, without the checks
//   npm test -- protocol/decoder       only the files whose path begins so
//   TLSMGR_TEST_INSTALL=0 npm test     without installing Debian's packages
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build, install, root, run } from './prepare.mjs';
import { testFiles } from './test-files.mjs';

/** What the suites talk to, and Debian's package that has it. */
const peers = [
  ['/usr/sbin/postfix', 'postfix'],
  ['openssl', 'openssl'],
  ['man', 'man-db'],
  ['chromium', 'chromium'],
  ['zsh', 'zsh'],
  ['fish', 'fish'],
  ['redis-server', 'redis-server'],
  ['/usr/bin/faketime', 'faketime'],
];

const folders = process.argv.slice(2);

install();
build();
installPeers();
if (folders.length === 0) {
  run('npm', ['run', '--silent', 'check']);
}

const files = testFiles(folders);
if (files.length === 0) {
  console.error(`no test file begins with test/${folders.join(' or test/')}`);
  process.exit(1);
}
const { status } = spawnSync(
  process.execPath,
  [
    '--import',
    'tsx',
    '--test',
    '--test-concurrency=2',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/skip-reporter.mjs',
    '--test-reporter-destination=stdout',
    ...files,
  ],
  { stdio: 'inherit', cwd: root },
);
if (status === 0 && folders.length === 0) {
  checkSpeed();
}
process.exit(status ?? 1);

/** Only a gross loss counts: a ratio to the original under half of its goal, three times in a row. */
function checkSpeed() {
  if (process.getuid() !== 0 || !['/usr/sbin/postfix', 'cc', 'taskset'].every(canRun)) {
    console.log('*** SKIPPED: the speed beside the original: needs root, postfix, cc and taskset');
    return;
  }
  const bench = ['--import', 'tsx', 'bench/run.ts', '--rounds', '3', '--scale', '0.05', '--check'];
  for (let tries = 3; tries > 0; tries -= 1) {
    const { status: checked } = spawnSync(process.execPath, bench, { stdio: 'inherit', cwd: root });
    if (checked === 0) {
      return;
    }
  }
  console.error('the speed beside the original is under half of a goal');
  process.exit(1);
}

function installPeers() {
  const missing = peers.filter(([command]) => !canRun(command));
  if (missing.length === 0) {
    return;
  }
  const packages = missing.map(([, name]) => name);
  const obstacle = whyNotInstall();
  if (obstacle !== undefined) {
    console.error(
      `\n*** MISSING: ${packages.join(', ')}. ${obstacle}: suites that need them are SKIPPED. ***\n`,
    );
    return;
  }
  console.log(
    `npm test installs what its suites talk to, with apt-get: ${packages.join(', ')}. TLSMGR_TEST_INSTALL=0 keeps it from that.`,
  );
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    const done = spawnSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    if (done.status !== 0) {
      console.error(
        `\n*** apt-get ${args[0]} failed: suites that need the peers are SKIPPED. ***\n`,
      );
      return;
    }
  }
}

function whyNotInstall() {
  if (process.env['TLSMGR_TEST_INSTALL'] === '0') {
    return 'TLSMGR_TEST_INSTALL is 0';
  }
  if (process.getuid() !== 0) {
    return 'Not root';
  }
  return canRun('apt-get') ? undefined : 'No apt-get';
}

function canRun(command) {
  const places = command.includes('/')
    ? [command]
    : [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin'].map((folder) =>
        join(folder, command),
      );
  return places.some((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
