// npm run deb [-- OPTIONS]: makes tlsmgr_VERSION_ARCHITECTURE.deb with a Node.js
// of its own. docs/install.md says what is inside.
//
//   --arch amd64     only this one; default: amd64 and arm64
//   --out FOLDER     where the packages go; default: the root of the checkout
//   --verify         makes each a second time, and compares them byte by byte
//   --trial NODE     for a test: for this processor, with this file as its Node.js,
//                    with the dist/ and node_modules/ that are there; not compressed
//
// The same commit gives the same bytes: times are those of SOURCE_DATE_EPOCH, or
// of the commit. DEBFULLNAME and DEBEMAIL name the maintainer.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { digestOf, fill, version } from './deb-contents.mjs';
import { build, root, run } from './prepare.mjs';

/** Debian's names of processors, and npm's. */
const processors = { amd64: 'x64', arm64: 'arm64' };

const { values } = parseArgs({
  options: {
    arch: { type: 'string', multiple: true },
    out: { type: 'string', default: root },
    verify: { type: 'boolean', default: false },
    trial: { type: 'string' },
  },
});
const all = Object.keys(processors);
const own = all.filter((name) => processors[name] === process.arch);
const architectures = values.arch ?? (values.trial === undefined ? all : own);
requireTools();
const epoch = sourceDate();
const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-deb-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
if (values.trial === undefined) {
  run(process.execPath, ['scripts/build.mjs']);
} else {
  build();
}
for (const architecture of architectures) {
  const name = `tlsmgr_${version}_${architecture}.deb`;
  const path = join(values.out, name);
  make(architecture, path);
  if (values.verify) {
    verify(architecture, path);
  }
  console.log(`${name}: sha256 ${digestOf('sha256', path)}${values.verify ? ', twice' : ''}`);
}

function requireTools() {
  for (const [command, name] of [
    ['dpkg-deb', 'dpkg'],
    ['gzip', 'gzip'],
  ]) {
    if (spawnSync(command, ['--version']).error !== undefined) {
      stop(`${command} is missing: a .deb is made where Debian's package ${name} is installed`);
    }
  }
  for (const architecture of architectures) {
    if (!all.includes(architecture)) {
      stop(`no Node.js for ${architecture}: --arch takes ${all.join(' or ')}`);
    }
  }
}

/** Seconds since 1970. */
function sourceDate() {
  const given = process.env['SOURCE_DATE_EPOCH'];
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], {
    cwd: root,
    encoding: 'utf8',
  });
  const text = given ?? stdout?.trim() ?? '';
  if (!/^\d+$/u.test(text)) {
    stop('SOURCE_DATE_EPOCH is to be set where there is no commit: the date of the release');
  }
  return Number(text);
}

function make(architecture, path) {
  const stage = mkdtempSync(join(scratch, 'stage-'));
  fill(stage, {
    architecture,
    processor: processors[architecture],
    epoch,
    scratch,
    trial: values.trial,
  });
  mkdirSync(values.out, { recursive: true });
  const compression = values.trial === undefined ? ['-Zxz', '-z6'] : ['-Znone'];
  execFileSync('dpkg-deb', ['--root-owner-group', ...compression, '--build', stage, path], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  rmSync(stage, { recursive: true });
}

/** From nothing, under another umask. */
function verify(architecture, path) {
  const again = join(scratch, 'again.deb');
  const mask = process.umask(0o077);
  try {
    make(architecture, again);
    if (digestOf('sha256', again) !== digestOf('sha256', path)) {
      stop(`${path}: a second one is not the same`);
    }
  } finally {
    process.umask(mask);
    rmSync(again, { force: true });
  }
}

function stop(reason) {
  console.error(reason);
  process.exit(1);
}
