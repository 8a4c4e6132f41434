/** The Debian package: what is inside, and a day with it on a host of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mustRun, runCommand } from '../postfix/run-command.ts';
import { requireBuilt } from '../postfix/under-test.ts';
import { DebianHost, packages, skipWithoutHost } from './debian-host.ts';
import { makeNext, makeTrial, packageForHere, packagesIn, shipped } from './debian-package.ts';
import { readPackage, root } from './read-package.ts';

const has = (command: string): boolean => spawnSync(command, ['--version']).error === undefined;
const skip = has('dpkg-deb') ? false : 'dpkg-deb is missing: not a Debian';
const scratch = mkdtempSync(join(tmpdir(), 'tlsmgr-deb-test-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

describe('the Debian package', { skip }, () => {
  const folder = shipped ?? join(scratch, 'small');
  const tree = join(scratch, 'tree');
  let said = '';

  before(async () => {
    requireBuilt();
    if (shipped === undefined) {
      // A hundred megabytes less to look at.
      const node = join(scratch, 'node');
      writeFileSync(node, `#!/bin/sh\nexec node "$@"\n`);
      said = await makeTrial(folder, node, '--verify');
    }
    await mustRun('dpkg-deb', ['--extract', await packageForHere(folder), tree]);
  });

  test('is the same byte for byte when it is made again', { skip: shipped !== undefined }, () => {
    assert.match(said, /^tlsmgr_\S+\.deb: sha256 [0-9a-f]{64}, twice\n$/u);
  });

  test('has all that is needed, as root has it, and nothing of the machine that made it', async () => {
    const { output } = await runCommand('dpkg-deb', ['--contents', await packageForHere(folder)]);
    const rows = output
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/u));
    assert.deepEqual([...new Set(rows.map(([, owner]) => owner))], ['root/root']);
    const modes = new Set(['-rw-r--r--', '-rwxr-xr-x', 'drwxr-xr-x', 'lrwxrwxrwx']);
    assert.deepEqual(
      rows.filter(([mode]) => !modes.has(mode!)),
      [],
    );
    assert.equal(new Set(rows.map(([, , , day, time]) => `${day} ${time}`)).size, 1);
    const paths = new Set(rows.map(([, , , , , path]) => path!.slice(1)));
    for (const path of [
      '/usr/sbin/tlsmgr',
      '/usr/lib/tlsmgr/bin/tlsmgr',
      '/usr/lib/tlsmgr/bin/node',
      '/usr/lib/tlsmgr/dist/program/main.js',
      '/usr/lib/tlsmgr/dist/program/redis-client.cjs',
      '/usr/share/man/man8/tlsmgr.8tlsmgr.gz',
      '/usr/share/bash-completion/completions/tlsmgr',
      '/usr/share/zsh/vendor-completions/_tlsmgr',
      '/usr/share/fish/vendor_completions.d/tlsmgr.fish',
      '/usr/share/doc/tlsmgr/copyright',
      '/usr/share/doc/tlsmgr/changelog.gz',
      '/usr/share/doc/tlsmgr/docs/install.md',
      '/usr/share/doc/tlsmgr/examples/prometheus/tlsmgr.rules.yml',
      '/usr/share/doc/tlsmgr/examples/systemd/tlsmgr.service',
      '/usr/share/doc/tlsmgr/licences/node',
      '/usr/share/doc/tlsmgr/licences/redis-client',
    ]) {
      assert.ok(paths.has(path), path);
    }
    const { status } = await runCommand('grep', ['-rlF', root, tree]);
    assert.equal(status, 1, `a file names ${root}`);
  });

  test('has the licence of each library, and copyright names it', () => {
    const documents = join(tree, 'usr/share/doc/tlsmgr');
    const licences = readdirSync(join(documents, 'licences'));
    const copyright = readFileSync(join(documents, 'copyright'), 'utf8');
    const modules = join(tree, 'usr/lib/tlsmgr/node_modules');
    const names = readdirSync(modules).flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(modules, name)).map((one) => `${name}/${one}`)
        : [name],
    );
    assert.ok(names.length >= 6, names.join(' '));
    for (const name of names) {
      const isKoffi = name.startsWith('@koromix/koffi-linux-');
      assert.ok(isKoffi || licences.includes(name.replace('@', '').replace('/', '-')), name);
      const place = `usr/lib/tlsmgr/node_modules/${isKoffi ? '@koromix/koffi-linux-' : `${name}/`}*`;
      assert.ok(copyright.includes(` ${place}\n`), place);
    }
  });

  test(
    'has a manual page in a section of its own',
    { skip: !has('man') && 'man is missing' },
    async () => {
      const page = join(tree, 'usr/share/man/man8/tlsmgr.8tlsmgr.gz');
      const text = await mustRun('man', ['--warnings', '-l', page]);
      assert.match(text, /^TLSMGR\(8tlsmgr\)/u);
    },
  );

  test(
    'gives lintian no error and no warning',
    { skip: !has('lintian') && 'lintian is missing' },
    () => {
      const untouched = [
        'uses-no-compression-for-control-tarball',
        'uses-no-compression-for-data-tarball',
      ];
      const trial = shipped === undefined ? ['--suppress-tags', untouched.join(',')] : [];
      const fails = ['--allow-root', '--fail-on', 'error,warning'];
      // A minute and more for a real Node.js.
      const { status, stdout } = spawnSync('lintian', [...fails, ...trial, ...packagesIn(folder)], {
        encoding: 'utf8',
        timeout: 900_000,
      });
      assert.equal(status, 0, stdout);
    },
  );
});

describe('a day with the Debian package', { skip: skip || skipWithoutHost }, () => {
  const folder = join(scratch, 'real');
  let host: DebianHost;

  before(async () => {
    requireBuilt();
    if (shipped === undefined) {
      await makeTrial(folder, process.execPath);
    } else {
      mkdirSync(folder);
      await mustRun('cp', [await packageForHere(shipped), folder]);
    }
    await makeNext(await packageForHere(folder), '99.0.0', folder);
    await mustRun('mv', [await packageForHere(folder), join(folder, 'first.deb')]);
    chmodSync(scratch, 0o755);
    host = await DebianHost.start(folder);
    host.must('cp -p /etc/postfix/master.cf /srv/master.cf');
  });
  after(() => host?.end());

  const handshake = (option: string): string => {
    const output = host.must(
      `printf 'QUIT\\r\\n' | openssl s_client -connect 127.0.0.1:25 -starttls smtp -ign_eof ${option} /tmp/session.pem 2>&1`,
    );
    const [, kind] = /^(New|Reused), TLSv/mu.exec(output) ?? [];
    return kind ?? output;
  };
  const ours = '/usr/lib/tlsmgr/bin/node';
  const original = '/usr/lib/postfix/sbin/tlsmgr';

  test('apt install, tlsmgr install, a resumed session, an upgrade, apt remove', () => {
    const { version } = readPackage();
    host.must('! command -v node');
    host.must(`apt-get install -y ${packages}/first.deb`);
    host.must('cmp /etc/postfix/master.cf /srv/master.cf');
    assert.equal(handshake('-sess_out'), 'New');
    assert.ok(host.programs().includes(original));

    assert.ok(host.must('tlsmgr install --yes').includes(`\ntlsmgr ${version} answers `));
    assert.equal(handshake('-sess_out'), 'New');
    assert.equal(handshake('-sess_in'), 'Reused');
    assert.match(host.must('tlsmgr status'), /ticket key +\S*[0-9a-f]/u);
    assert.ok(host.programs().includes(ours));
    assert.ok(!host.programs().includes(original));

    const upgraded = host.must(`dpkg -i ${packages}/next.deb`);
    assert.match(upgraded, /\ntlsmgr 99\.0\.0 answers /u);
    assert.match(host.must('tlsmgr status'), /tlsmgr 99\.0\.0/u);
    assert.equal(handshake('-sess_out'), 'New');
    assert.equal(handshake('-sess_in'), 'Reused');

    assert.match(host.must('apt-get remove -y tlsmgr'), /\nPostfix's own tlsmgr answers\r?\n/u);
    host.must('cmp /etc/postfix/master.cf /srv/master.cf');
    host.must('! [ -e /usr/lib/tlsmgr ] && ! [ -e /usr/lib/postfix/sbin/node-tlsmgr ]');
    assert.equal(handshake('-sess_out'), 'New');
    assert.equal(handshake('-sess_in'), 'Reused');
    assert.ok(host.programs().includes(original));
    const complaints =
      'grep -E "tlsmgr.*(warning|error|fatal|panic): |throttling" /var/log/maillog || true';
    assert.equal(host.must(complaints), '');
  });

  test('the package stays while master.cf can not be put back', () => {
    host.must(`dpkg -i ${packages}/first.deb && tlsmgr install --yes`);
    host.must('cp -p /etc/postfix/main.cf /srv; echo broken >> /etc/postfix/main.cf');
    host.must('echo "# of somebody" >> /etc/postfix/master.cf');
    const said = host.must('dpkg -r tlsmgr 2>&1 && exit 1 || true');
    assert.match(said, /\ntlsmgr: error: Postfix in \/etc\/postfix still starts this tlsmgr/u);
    assert.match(host.must('dpkg -s tlsmgr'), /^Status: deinstall ok installed$/mu);
    host.must('cp -p /srv/main.cf /etc/postfix; tlsmgr status; dpkg -r tlsmgr');
    host.must('! grep -q node-tlsmgr /etc/postfix/master.cf');
    host.must('cp -p /srv/master.cf /etc/postfix');
  });

  test('dpkg -r puts master.cf back without the commands of Postfix, too', () => {
    host.must(`dpkg -i ${packages}/first.deb && tlsmgr install --yes`);
    host.must('postfix stop; mkdir /srv/gone; mv /usr/sbin/post* /srv/gone');
    host.must('dpkg -r tlsmgr');
    host.must('cmp /etc/postfix/master.cf /srv/master.cf');
    host.must('! [ -e /usr/lib/tlsmgr ] && ! [ -e /usr/lib/postfix/sbin/node-tlsmgr ]');
  });
});
