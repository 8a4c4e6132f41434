/**
 * What tlsmgr install takes for the installed Postfix, and how it finds out
 * whether smtpd still makes TLS connections with the new daemon.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Finding } from '../../src/cli/findings/finding.ts';
import { whyNoTls } from '../../src/cli/install/handshake.ts';
import { PostfixInstance } from './instance.ts';
import { originalTlsmgr, requireBuilt, skipWithoutPostfix } from './under-test.ts';

const launcher = join(import.meta.dirname, '../../bin/tlsmgr');

describe('install and the Postfix that is installed', { skip: skipWithoutPostfix }, () => {
  const scratch = mkdtempSync('/tmp/tlsmgr-install-');
  let postfix: PostfixInstance;

  const run = (...args: string[]) =>
    spawnSync(launcher, [...args, '-c', postfix.configDirectory], { encoding: 'utf8', env: {} });
  const masterCf = (): string => readFileSync(join(postfix.configDirectory, 'master.cf'), 'utf8');
  const makesTls = async (): Promise<void> => {
    const address = { host: '127.0.0.1', port: postfix.port, wrapped: false };
    const reason = await whyNoTls(address, 10_000, new AbortController().signal);
    assert.equal(reason, undefined, postfix.log());
  };
  /** Other parameters, and all daemons started anew with them. */
  const configure = async (parameters: Record<string, string>, line = ''): Promise<void> => {
    postfix.writeMainCf(parameters);
    postfix.writeMasterCf(line === '' ? {} : { masterCf: [line] });
    await postfix.reload();
  };

  before(async () => {
    requireBuilt();
    chmodSync(scratch, 0o755);
    postfix = await PostfixInstance.create({ tlsmgr: originalTlsmgr, name: 'hidden' });
    await postfix.start();
  });

  afterEach(() => {
    const { status, stderr } = run('uninstall', '--yes');
    assert.equal(status, 0, stderr);
  });

  after(async () => {
    await postfix.stop();
    postfix.cleanup();
    rmSync(scratch, { recursive: true });
  });

  for (const hidden of ['3.5.0', '2.10.1', 'hidden']) {
    test(`mail_version = ${hidden} in main.cf is not believed`, async () => {
      await configure({ mail_version: hidden });
      const { status, stdout, stderr } = run('install', '--yes');
      assert.equal(status, 0, stderr);
      const installed = execFileSync('postconf', ['-dh', 'mail_version'], { encoding: 'utf8' });
      assert.ok(stdout.includes(` for Postfix ${installed.trim()} in `), stdout);
      assert.match(masterCf(), /^tlsmgr .* node-tlsmgr\/tlsmgr$/mu);
      assert.match(stdout, /\nsmtpd at 127\.0\.0\.1:\d+ makes TLS connections, as before\n/u);
      await makesTls();
      const found = JSON.parse(run('check', '--json').stdout) as Finding[];
      assert.deepEqual(
        found.filter(({ severity }) => severity !== 'note'),
        [],
      );
    });
  }

  test('a daemon that answers install, and that smtpd waits for in vain, is rolled back', async () => {
    await configure({});
    // Who asks for two policies at once is install: it gets every answer, and smtpd gets none.
    const fake = join(scratch, 'fake.cjs');
    writeFileSync(
      fake,
      `require('node:net').createServer((socket) => {
        let isInstall = false;
        socket.on('error', () => {}).write('protocol\\0tlsmgr_protocol\\0\\0');
        socket.on('data', (chunk) => {
          const policies = chunk.toString('latin1').split('policy').length - 1;
          isInstall ||= policies > 1;
          if (!isInstall) return;
          const report = JSON.stringify({ pid: process.pid, version: '0.0.0' });
          const policy = 'status\\x000\\0cachable\\x000\\0timeout\\x000\\0\\0';
          if (policies > 0) socket.write(policy.repeat(policies));
          else if (chunk.includes('stats')) socket.write('status\\x000\\0report\\0' + report + '\\0\\0');
          else socket.write('status\\x000\\0seed\\0AAAA\\0\\0');
        });
      }).listen({ fd: 6 });`,
    );
    const node = join(scratch, 'node');
    writeFileSync(
      node,
      `#!/bin/sh
case "$*" in *main.js*-S*) ;; *main.js*) exec ${process.execPath} ${fake};; esac
exec ${process.execPath} "$@"\n`,
    );
    chmodSync(node, 0o755);
    const was = masterCf();
    const { status, stderr } = run('install', '--yes', '--wait', '2', '--node', node);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /fatal: rolled back: smtpd at 127\.0\.0\.1:\d+ made TLS connections before, and makes none within \d+ s: no answer to the connection; master\.cf is as it was, and the daemon from before answers\n$/u,
    );
    assert.equal(masterCf(), was);
    await makesTls();
  });

  test('where no smtpd makes TLS connections the socket alone is asked, as that Postfix asks', async () => {
    await configure({ smtpd_tls_security_level: 'none' });
    const { status, stdout, stderr } = run('install', '--yes');
    assert.equal(status, 0, stderr);
    assert.match(
      stdout,
      /answers \(pid \d+\).*\nno smtpd here makes TLS connections: none was tried\n/u,
    );
  });

  test('a service with TLS of its own is found behind one without', async () => {
    const port = postfix.port + 1 > 65_535 ? postfix.port - 1 : postfix.port + 1;
    await configure(
      { smtpd_tls_security_level: 'none' },
      `${port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o { smtpd_tls_security_level = encrypt }`,
    );
    const { status, stdout, stderr } = run('install', '--yes');
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`\\nsmtpd at 127\\.0\\.0\\.1:${port} makes TLS`, 'u'));
  });
});
