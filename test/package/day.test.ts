/**
 * An administrator's day, from the package to a resumed TLS session and back to
 * Postfix's own daemon, with the times.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { anybody, whatForbids } from '../../src/cli/findings/access.ts';
import { PostfixInstance } from '../postfix/instance.ts';
import { startTls } from '../postfix/tls-client.ts';
import { originalTlsmgr, requireBuilt, skipWithoutPostfix } from '../postfix/under-test.ts';
import {
  installGlobally,
  installIn,
  pack,
  packedFiles,
  uninstallGlobally,
} from './installed-package.ts';
import { readPackage, root } from './read-package.ts';

const noNode =
  whatForbids(process.execPath, anybody, 'execute') === undefined
    ? false
    : `${process.execPath} can't be reached by others: install refuses it`;

describe('the package', () => {
  test('has what is needed to run, and nothing of the machine that packed it', async () => {
    requireBuilt();
    const files = await packedFiles();
    for (const path of [
      'bin/tlsmgr',
      'dist/program/main.js',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/client/index.js',
      'man/tlsmgr.8',
      'docs/install.md',
      'LICENSE',
      'README.md',
    ]) {
      assert.ok(files.includes(path), path);
    }
    assert.ok(!files.includes('dist/node-path'));
    assert.deepEqual(
      files.filter((path) => /^(?:src|test|bench|fuzz|scripts|node_modules)\//u.test(path)),
      [],
    );
  });
});

describe("a Node developer's two minutes", () => {
  test("npm install, npx tlsmgr serve, and README's program runs", async () => {
    requireBuilt();
    const project = mkdtempSync(join(tmpdir(), 'tlsmgr-project-'));
    await installIn(project, await pack(project));
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const [, program] = /```js\n(.*?)```/su.exec(readme)!;
    writeFileSync(join(project, 'program.mjs'), `${program}console.log(again.equals(session));\n`);
    const serving = spawn(join(project, 'node_modules/.bin/tlsmgr'), ['serve'], {
      cwd: project,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    for await (const text of serving.stderr.setEncoding('utf8') as AsyncIterable<string>) {
      said += text;
      if (said.includes('serving on')) {
        break;
      }
    }
    assert.match(said, /serving on/u);
    const args = [join(project, 'program.mjs')];
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: project,
      encoding: 'utf8',
    });
    assert.equal(stdout, 'true\n', stderr);
    serving.kill();
    await once(serving, 'exit');
    rmSync(project, { recursive: true });
  });
});

describe("an administrator's day", { skip: skipWithoutPostfix || noNode }, () => {
  const scratch = mkdtempSync('/tmp/tlsmgr-day-');
  const prefix = join(scratch, 'prefix');
  let postfix: PostfixInstance;

  before(async () => {
    requireBuilt();
    chmodSync(scratch, 0o755);
    postfix = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'day' });
    await postfix.start();
  });

  after(async () => {
    await postfix.stop();
    postfix.cleanup();
    rmSync(scratch, { recursive: true });
  });

  test('npm pack, npm install, tlsmgr install, a resumed session, tlsmgr uninstall', async (t) => {
    const transcript: string[] = [];
    const timed = async <T>(command: string, work: () => Promise<T>): Promise<T> => {
      const beganMs = performance.now();
      const result = await work();
      const seconds = ((performance.now() - beganMs) / 1000).toFixed(2);
      const said = typeof result === 'string' ? result.trimEnd() : '';
      transcript.push(`# ${command}    (${seconds} s)`, ...said.split('\n').filter(Boolean));
      return result;
    };
    const tlsmgr = (...args: string[]): Promise<string> =>
      timed(`tlsmgr ${args.join(' ')}`, () => run(join(prefix, 'bin/tlsmgr'), args));
    const handshake = (option: string): Promise<string> =>
      timed(`openssl s_client -starttls smtp ${option} session.pem`, async () => {
        const file = join(scratch, 'session.pem');
        const { kinds, output } = await startTls(postfix.port, [option, file]);
        assert.equal(kinds.length, 1, output);
        return kinds[0]!;
      });
    const masterCf = join(postfix.configDirectory, 'master.cf');
    const original = readFileSync(masterCf, 'utf8');
    const instance = ['-c', postfix.configDirectory];

    const tarball = await timed('npm pack', () => pack(scratch));
    const how = await timed('npm install -g --ignore-scripts tlsmgr-*.tgz', () =>
      installGlobally(tarball, prefix),
    );
    assert.ok(existsSync(join(prefix, 'lib/node_modules/tlsmgr/node_modules/koffi')), how);
    assert.equal(statSync(join(prefix, 'lib/node_modules/tlsmgr/bin/tlsmgr')).mode & 0o111, 0o111);

    const offline = await withoutNetwork();
    assert.ok(offline.includes(readPackage().version), offline);

    assert.match(await tlsmgr('install', '--yes', ...instance), /\ntlsmgr \S+ answers/u);
    assert.equal(await handshake('-sess_out'), 'New');
    assert.equal(await handshake('-sess_in'), 'Reused');
    const status = await tlsmgr('status', '--socket', postfix.socketPath);
    assert.ok(status.includes(readPackage().version), status);
    assert.match(await tlsmgr('check', ...instance), /\n\d+ notes?\n$/u);
    assert.match(
      await tlsmgr('uninstall', '--yes', ...instance),
      /Postfix's own tlsmgr answers\n$/u,
    );
    assert.equal(readFileSync(masterCf, 'utf8'), original);
    assert.equal(await handshake('-sess_out'), 'New');
    assert.equal(await handshake('-sess_in'), 'Reused');
    await timed('npm uninstall -g tlsmgr', () => uninstallGlobally(prefix));
    assert.ok(!existsSync(join(prefix, 'bin/tlsmgr')));
    assert.deepEqual(postfix.complaints(), []);
    for (const line of transcript) {
      t.diagnostic(line.replaceAll(postfix.directory, '/POSTFIX').replaceAll(scratch, '/SCRATCH'));
    }
  });

  /** Takes it to another folder as docs/install.md says. @returns its version, told there. */
  async function withoutNetwork(): Promise<string> {
    const tarball = join(scratch, 'tlsmgr-offline.tgz');
    const away = join(scratch, 'away');
    mkdirSync(away);
    await run('tar', ['-czf', tarball, '-C', prefix, 'bin/tlsmgr', 'lib/node_modules/tlsmgr']);
    await run('tar', ['-xzf', tarball, '-C', away, '--no-same-owner']);
    return run('unshare', ['--net', join(away, 'bin/tlsmgr'), 'version']);
  }

  /** As root types it: with a PATH. Both outputs; the exit status must be 0. */
  async function run(command: string, args: readonly string[]): Promise<string> {
    const env = { PATH: `${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin` };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const [status] = (await once(child, 'close')) as [number | null];
    assert.equal(status, 0, output);
    return output;
  }
});
