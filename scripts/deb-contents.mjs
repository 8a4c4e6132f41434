// What is inside the Debian package, in a folder that dpkg-deb packs.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root, run } from './prepare.mjs';

const home = 'usr/lib/tlsmgr';
const documents = 'usr/share/doc/tlsmgr';
/** Not "8": Postfix has a page of that name and section. */
const section = '8tlsmgr';
const packaging = join(root, 'packaging/deb');
const executables = new Set([
  `${home}/bin/tlsmgr`,
  `${home}/bin/node`,
  'DEBIAN/postinst',
  'DEBIAN/prerm',
]);

/** Of package.json. */
export const { version, homepage, author } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

/**
 * Fills a folder.
 *
 * @param {string} stage the folder
 * @param {{ architecture: string, processor: string, epoch: number, scratch: string,
 *   trial: string | undefined }} job Debian's name of the processor and npm's; seconds since
 *   1970; a folder that somebody else removes; the path of a Node.js to take, with what is in
 *   node_modules/, in the place of the registry's
 * @throws {Error} where something to be packed is missing
 */
export function fill(stage, job) {
  putProgram(stage);
  putModules(stage, job);
  putNode(stage, job);
  putDocuments(stage, job);
  putControl(stage, job);
  settle(stage, job);
}

export function digestOf(algorithm, path) {
  return createHash(algorithm).update(readFileSync(path)).digest('hex');
}

/** What bin/tlsmgr needs: no library for Node programs, no types. */
function putProgram(stage) {
  put(stage, `${home}/bin/tlsmgr`, readFileSync(join(root, 'bin/tlsmgr')));
  put(stage, `${home}/dist/node-path`, `/${home}/bin/node\n`);
  put(
    stage,
    `${home}/package.json`,
    `${JSON.stringify({ name: 'tlsmgr', version, type: 'module' })}\n`,
  );
  cpSync(join(root, 'dist/program'), join(stage, home, 'dist/program'), {
    recursive: true,
    // Made on the host, by tlsmgr install.
    filter: (path) => !path.endsWith('.cache'),
  });
  link(stage, 'usr/sbin/tlsmgr', '../lib/tlsmgr/bin/tlsmgr');
}

/** What package-lock.json names and this processor needs, without sources, tests and documents. */
function putModules(stage, job) {
  const modules = job.trial === undefined ? npmCi(root, job) : join(root, 'node_modules');
  const left =
    /(?:^|\/)(?:doc|examples|specs|test|vendor|musl_\w+)\/|^(?:cnoke|src\/koffi\/src\/trampolines)/u;
  const needed = /\.(?:c?js|json|node)$|(?:^|\/)LICEN[CS]E[^/]*$/u;
  for (const name of lockedPackages()) {
    const folder = join(modules, name);
    if (!existsSync(folder)) {
      // Of another processor.
      continue;
    }
    const files = filesBelow(folder).filter((path) => !left.test(path) && needed.test(path));
    for (const path of files) {
      putCopy(stage, `${home}/node_modules/${name}/${path}`, join(folder, path));
    }
    const licence = files.find((path) => path.startsWith('LICEN'));
    // The library of koffi for a processor is of koffi's own sources.
    if (licence !== undefined) {
      putCopy(stage, licencePath(name), join(folder, licence));
    } else if (!name.startsWith('@koromix/koffi-')) {
      throw new Error(`${name} has no licence`);
    }
  }
}

/** Names below node_modules of all that is needed to run. */
function lockedPackages() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return Object.keys(packages)
    .filter((path) => path !== '' && packages[path].dev !== true)
    .map((path) => path.replace('node_modules/', ''));
}

function putNode(stage, job) {
  if (job.trial !== undefined) {
    putCopy(stage, `${home}/bin/node`, job.trial);
    put(stage, licencePath('node'), 'A trial: not to be given to others.\n');
    return;
  }
  const found = join(npmCi(join(packaging, 'node'), job), `node-linux-${job.processor}`);
  putCopy(stage, `${home}/bin/node`, join(found, 'bin/node'));
  putCopy(stage, licencePath('node'), join(found, 'LICENSE'));
}

function putDocuments(stage, job) {
  for (const name of ['README.md', 'SECURITY.md', 'UPGRADING.md', 'docs', 'examples']) {
    cpSync(join(root, name), join(stage, documents, name), { recursive: true });
  }
  cpSync(join(root, 'systemd'), join(stage, documents, 'examples/systemd'), { recursive: true });
  put(stage, `${documents}/CHANGELOG.md.gz`, gzip(readFileSync(join(root, 'CHANGELOG.md'))));
  put(stage, `${documents}/changelog.gz`, gzip(debianChangelog(job)));
  put(stage, `${documents}/copyright`, filled('copyright', {}));
  const page = readFileSync(join(root, 'man/tlsmgr.8'), 'utf8');
  const own = page.replace(/^\.Dt TLSMGR 8$/mu, `.Dt TLSMGR ${section}`);
  put(stage, `usr/share/man/man8/tlsmgr.${section}.gz`, gzip(own));
  for (const [name, place] of [
    ['tlsmgr.bash', 'bash-completion/completions/tlsmgr'],
    ['_tlsmgr', 'zsh/vendor-completions/_tlsmgr'],
    ['tlsmgr.fish', 'fish/vendor_completions.d/tlsmgr.fish'],
  ]) {
    putCopy(stage, `usr/share/${place}`, join(root, 'completions', name));
  }
  putCopy(stage, 'usr/share/lintian/overrides/tlsmgr', join(packaging, 'lintian-overrides'));
  // Built into the program: no package of node_modules has it.
  putCopy(stage, licencePath('@redis/client'), join(root, 'packaging/licences/redis-client'));
}

function putControl(stage, { architecture }) {
  const files = filesBelow(stage);
  const bytes = files.reduce((sum, path) => sum + lstatSync(join(stage, path)).size, 0);
  const control = filled('control', {
    ARCHITECTURE: architecture,
    'INSTALLED-SIZE': String(Math.ceil(bytes / 1024)),
  });
  const sums = files
    .filter((path) => lstatSync(join(stage, path)).isFile())
    .map((path) => `${digestOf('md5', join(stage, path))}  ${path}\n`);
  put(stage, 'DEBIAN/control', control);
  put(stage, 'DEBIAN/md5sums', sums.join(''));
  for (const name of ['postinst', 'prerm']) {
    putCopy(stage, `DEBIAN/${name}`, join(packaging, name));
  }
}

/** Modes and times that don't depend on who makes the package, where and when. */
function settle(stage, { epoch }) {
  const names = readdirSync(stage, { recursive: true, encoding: 'utf8' });
  // What is in a folder first: a change in it would change the folder's time.
  for (const name of [...names.toSorted().toReversed(), '.']) {
    const path = join(stage, name);
    const stat = lstatSync(path);
    if (!stat.isSymbolicLink()) {
      chmodSync(path, stat.isDirectory() || executables.has(name) ? 0o755 : 0o644);
    }
    lutimesSync(path, epoch, epoch);
  }
}

/** Installs what a lock file names, for a processor. @returns the path of node_modules. */
function npmCi(folder, { processor, scratch }) {
  const place = mkdtempSync(join(scratch, 'npm-'));
  for (const name of ['package.json', 'package-lock.json']) {
    copyFileSync(join(folder, name), join(place, name));
  }
  const target = ['--os=linux', `--cpu=${processor}`, '--libc=glibc'];
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  run('npm', ['ci', '--omit=dev', ...target, ...quiet], {
    cwd: place,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return join(place, 'node_modules');
}

function licencePath(name) {
  return `${documents}/licences/${name.replace('@', '').replace('/', '-')}`;
}

function debianChangelog({ epoch }) {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `tlsmgr (${version}) unstable; urgency=medium

  * What changed is in CHANGELOG.md.gz, beside this file.

 -- ${maintainer()}  ${date}
`;
}

function maintainer() {
  const { DEBFULLNAME: name, DEBEMAIL: address } = process.env;
  return name === undefined || address === undefined ? author : `${name} <${address}>`;
}

/** A file of packaging/deb, its @NAMES@ replaced. */
function filled(name, further) {
  const words = { VERSION: version, HOMEPAGE: homepage, MAINTAINER: maintainer(), ...further };
  const text = readFileSync(join(packaging, name), 'utf8');
  return text.replaceAll(/@([A-Z-]+)@/gu, (whole, word) => words[word] ?? whole);
}

/** Debian's own: what Node's zlib makes depends on the processor. */
function gzip(input) {
  return execFileSync('gzip', ['-9n'], { input });
}

function put(stage, path, content) {
  mkdirSync(dirname(join(stage, path)), { recursive: true });
  writeFileSync(join(stage, path), content);
}

function putCopy(stage, path, from) {
  mkdirSync(dirname(join(stage, path)), { recursive: true });
  copyFileSync(from, join(stage, path));
}

function link(stage, path, target) {
  mkdirSync(dirname(join(stage, path)), { recursive: true });
  symlinkSync(target, join(stage, path));
}

/** Files and links, as paths from the folder, sorted. */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}
