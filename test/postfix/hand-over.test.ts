/**
 * A runtime that breaks under a running Postfix: mail goes on with TLS by
 * Postfix's own tlsmgr, the log says why, and ours is back after a repair and a
 * reload. What the launcher decides is told in bin/tlsmgr.
 */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { launcherText } from '../../src/cli/postfix/launcher.ts';
import { parseStartRecord } from '../../src/daemon/start-record.ts';
import { PostfixInstance } from './instance.ts';
import { poll } from './poll.ts';
import { programOf } from './processes.ts';
import { SmtpSession } from './smtp-session.ts';
import { originalTlsmgr, requireBuilt, skipWithoutPostfix } from './under-test.ts';

const built = join(import.meta.dirname, '../../dist/program/main.js');

const modules = join(import.meta.dirname, '../../node_modules');

/** In place of a minute: how long master(8) leaves a service alone that has failed. */
const throttleSeconds = 1;

/** When something is missing nobody waits for master(8). */
const missingLimitMs = 5000;
const failingLimitMs = 30_000 + throttleSeconds * 1000;

const mainCf = { service_throttle_time: `${throttleSeconds}s` };

const theLine = /error: tlsmgr can't start: /u;

describe('a runtime that breaks', { skip: skipWithoutPostfix }, () => {
  const scratch = mkdtempSync('/tmp/tlsmgr-hand-over-');
  const node = join(scratch, 'node');
  const program = join(scratch, 'main.mjs');
  let postfix: PostfixInstance;

  before(async () => {
    requireBuilt();
    chmodSync(scratch, 0o755);
    const launcher = join(scratch, 'tlsmgr');
    const paths = { node, program, original: originalTlsmgr, postlog: '/usr/sbin/postlog' };
    writeFileSync(launcher, launcherText(paths), { mode: 0o755 });
    repair();
    postfix = await PostfixInstance.create({
      tlsmgr: launcher,
      name: 'hand-over',
      mainCf,
    });
    await postfix.start();
  });

  after(() => {
    postfix?.cleanup();
    rmSync(scratch, { recursive: true });
  });

  /** Each begins, and ends, with ours in order. */
  afterEach(async () => {
    repair();
    await postfix.reload();
    await handshake();
    assert.equal(await server(), 'node', postfix.log());
    assert.equal(recordOf().state, 'served');
  });

  function repair(): void {
    postfix?.writeMainCf(mainCf);
    putNode(`exec ${process.execPath} "$@"`);
    writeFileSync(program, `import ${JSON.stringify(built)};\n`);
  }

  function putNode(...lines: string[]): void {
    writeFileSync(node, `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 });
    chmodSync(node, 0o755);
  }

  /** One that tells its version, and does this for a start. */
  function putNodeThat(start: string): void {
    putNode(
      `[ "$1" = --version ] && exec ${process.execPath} --version`,
      start,
      `exec ${process.execPath} "$@"`,
    );
  }

  function recordOf(): { state: string; reason: string } {
    const text = readFileSync(join(postfix.queueDirectory, 'pid/tlsmgr.start'), 'latin1');
    return parseStartRecord(text)!;
  }

  async function handshake(): Promise<void> {
    const limit = new AbortController();
    const talk = async (): Promise<string> => {
      const session = await SmtpSession.open(postfix.port);
      try {
        return await session.startTls();
      } finally {
        session.close();
      }
    };
    const late = delay(failingLimitMs, 'no TLS in time', { signal: limit.signal });
    try {
      assert.match(await Promise.race([talk(), late]), /^250/u, postfix.log());
    } finally {
      limit.abort();
    }
  }

  /** By a command whose own node works. */
  function ask(verb: string): SpawnSyncReturns<string> {
    const command = join(import.meta.dirname, '../../bin/tlsmgr');
    const environment = { MAIL_CONFIG: postfix.configDirectory };
    return spawnSync(command, [verb], { encoding: 'utf8', env: environment });
  }

  /** The program of the process that serves; our launcher's shell is seen before it. */
  async function server(): Promise<string> {
    return poll('a tlsmgr', () => {
      const pid = postfix.tlsmgrPid();
      const name = pid === undefined ? undefined : programOf(pid);
      return name === 'node' || name === 'tlsmgr' ? name : undefined;
    });
  }

  /** Reloads, and asks for TLS; the original serves, and one line more says why. */
  async function expectOriginal(limitMs: number, why: RegExp): Promise<string> {
    const earlier = postfix.logLines(theLine).length;
    await postfix.reload();
    const startedMs = performance.now();
    await handshake();
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < limitMs, `${tookMs} ms\n${postfix.log()}`);
    assert.equal(await server(), 'tlsmgr', postfix.log());
    await postfix.waitForLog(theLine, earlier + 1);
    const lines = postfix.logLines(theLine);
    assert.equal(lines.length, earlier + 1, postfix.log());
    assert.match(lines.at(-1)!, why);
    assert.match(
      lines.at(-1)!,
      /is started in its place\. Mend it.*, then run postfix -c \S+ reload; if that one fails too: postfix -c \S+ stop; postfix -c \S+ start$/u,
    );
    assert.equal(recordOf().state, 'original');
    return lines.at(-1)!;
  }

  test('node is gone', async () => {
    renameSync(node, `${node}.away`);
    await expectOriginal(missingLimitMs, /node is missing: install Node\.js/u);
    const { stderr, status } = ask('status');
    assert.match(stderr, /own tlsmgr serves here, as this one can't start: .*node is missing/u);
    assert.equal(status, 3);
  });

  test('node can not be executed', async () => {
    chmodSync(node, 0o644);
    await expectOriginal(missingLimitMs, /node is missing/u);
  });

  test('node ends at once', async () => {
    putNode('exit 1');
    await expectOriginal(missingLimitMs, /node does not run/u);
  });

  test('node is too old', async () => {
    for (const version of ['v18.20.4']) {
      putNode(`[ "$1" = --version ] && echo ${version}`);
      await expectOriginal(missingLimitMs, new RegExp(`is ${version}: tlsmgr needs`, 'u'));
    }
  });

  test('the program is gone', async () => {
    rmSync(program);
    await expectOriginal(missingLimitMs, /main\.mjs is missing: install tlsmgr again/u);
  });

  test('the launcher of the package hands over too, and not to itself', async () => {
    const copy = join(scratch, 'package/bin/tlsmgr');
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(join(import.meta.dirname, '../../bin/tlsmgr'), copy);
    const linked = join(postfix.directory, 'sbin/tlsmgr');
    const installed = readlinkSync(linked);
    rmSync(linked);
    symlinkSync(copy, linked);
    try {
      await expectOriginal(missingLimitMs, /dist\/program\/main\.js is missing: run npm ci/u);
    } finally {
      rmSync(linked);
      symlinkSync(installed, linked);
    }
  });

  test('node ends with each start', async () => {
    putNodeThat('exit 1');
    await expectOriginal(failingLimitMs, /can't start: exit status 1;/u);
    assert.equal(recordOf().reason, 'exit status 1');
    // Another start in the same reload is not tried.
    process.kill(postfix.tlsmgrPid()!, 'SIGKILL');
    await handshake();
    assert.equal(await server(), 'tlsmgr');
    // After a reload it is, by a rehearsal, which costs no minute.
    await expectOriginal(missingLimitMs, /exit status 1/u);
  });

  test('a signal ends node', async () => {
    putNodeThat('kill -SEGV $$');
    await expectOriginal(failingLimitMs, /killed by signal 11/u);
  });

  /** The built program elsewhere, with this for koffi. */
  function copyProgram(koffi?: string): void {
    const copy = join(scratch, 'copy');
    rmSync(copy, { recursive: true, force: true });
    cpSync(dirname(built), join(copy, 'program'), { recursive: true });
    if (koffi !== undefined) {
      mkdirSync(join(copy, 'node_modules/koffi'), { recursive: true });
      writeFileSync(join(copy, 'node_modules/koffi/package.json'), '{"main":"index.js"}');
      writeFileSync(join(copy, 'node_modules/koffi/index.js'), koffi);
    }
    writeFileSync(program, `await import(${JSON.stringify(join(copy, 'program/main.js'))});\n`);
  }

  test('a dependency is gone', async () => {
    copyProgram();
    await expectOriginal(
      missingLimitMs,
      /koffi, which the daemon needs, is missing; install tlsmgr again, with its optional/u,
    );
    // After a reload the rehearsal says the same.
    await expectOriginal(
      missingLimitMs,
      /koffi, which the daemon needs, is missing; install tlsmgr again, with its optional/u,
    );
  });

  test('a dependency can not be loaded', async () => {
    copyProgram("throw new Error('koffi.node: wrong ELF class');");
    await expectOriginal(missingLimitMs, /wrong ELF class/u);
  });

  test('its library is on a file system without programs', async (t) => {
    const mount = join(scratch, 'noexec');
    mkdirSync(mount);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'noexec', 'tmpfs', mount]).status !== 0) {
      t.skip('no mount(8) here');
      return;
    }
    try {
      cpSync(dirname(built), join(mount, 'program'), { recursive: true });
      for (const name of ['koffi', `@koromix/koffi-linux-${process.arch}`]) {
        cpSync(join(modules, name), join(mount, 'node_modules', name), { recursive: true });
      }
      writeFileSync(program, `await import(${JSON.stringify(join(mount, 'program/main.js'))});\n`);
      await expectOriginal(missingLimitMs, /failed to map segment/iu);
    } finally {
      spawnSync('umount', ['-l', mount]);
    }
  });

  test('the address space is too small', async () => {
    putNodeThat('ulimit -v 500000');
    await expectOriginal(failingLimitMs, /killed by signal \d+, probably for want of memory/u);
  });

  test('a start is refused by a fault of ours', async () => {
    postfix.writeMainCf({
      ...mainCf,
      smtp_tls_session_cache_timeout: 'soon',
    });
    await expectOriginal(missingLimitMs, /smtp_tls_session_cache_timeout/u);
  });

  test('the keys of cache files are gone: ours serves, and writes none', async () => {
    postfix.writeMainCf({
      ...mainCf,
      tlsmgr_session_cache_persistent: 'yes',
      tlsmgr_session_cache_key_file: '/nowhere/key',
      smtpd_tls_session_cache_database: 'btree:$data_directory/sealed',
    });
    await postfix.reload();
    await handshake();
    assert.equal(await server(), 'node', postfix.log());
    const [line = ''] = postfix.logLines(
      /error: tlsmgr_session_cache_key_file = \/nowhere\/key: /u,
    );
    assert.match(line, /No such file or directory: session caches with a file are kept in memory/u);
    assert.deepEqual(
      readdirSync(postfix.dataDirectory).filter((name) => name.startsWith('sealed')),
      [],
    );
    const { stdout, status } = ask('status');
    assert.equal(status, 2);
    assert.match(stdout, /FAILING[^]*tlsmgr_session_cache_key_file = \/nowhere\/key/u);
  });

  test('a parameter of ours has a fault: ours serves with its default', async () => {
    postfix.writeMainCf({
      ...mainCf,
      tlsmgr_request_time_limit: '0',
      tlsmgr_egd_listen: '/nowhere/egd',
    });
    await postfix.reload();
    await handshake();
    assert.equal(await server(), 'node', postfix.log());
    const errors = postfix.logLines(/tlsmgr\[\d+\]: error: .*tlsmgr_/u).slice(-2);
    assert.match(errors[0]!, /invalid tlsmgr_request_time_limit: 0 .*its default is used: 60s$/u);
    assert.match(errors[1]!, /tlsmgr_egd_listen = .*: no entropy is served there$/u);
    const { stdout, status } = ask('status');
    assert.equal(status, 2);
    assert.match(stdout, /FAILING[^]*invalid tlsmgr_request_time_limit: 0 \(min 1\)/u);
  });

  test('ours hangs in its start, and hears nothing any more', async () => {
    writeFileSync(
      program,
      `import { createRequire } from 'node:module';
      const { default: koffi } = createRequire(${JSON.stringify(built)})('koffi');
      const { load } = koffi;
      koffi.load = (...words) => {
        const library = load(...words);
        const func = (text) => {
          const call = library.func(text);
          return text.includes(' alarm(') ? (seconds) => call(seconds === 60 ? 1 : seconds) : call;
        };
        return { func };
      };
      if (process.env.TLSMGR_REHEARSAL === undefined) process.chdir = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      await import(${JSON.stringify(built)});\n`,
    );
    await expectOriginal(
      failingLimitMs,
      /it ends before it serves, and a rehearsal finds no fault/u,
    );
    assert.ok(postfix.logLines(/tlsmgr pid \d+ killed by signal 14/u).length > 0, postfix.log());
  });

  test('ours waits in its start for what never comes, and a reload ends it', async () => {
    // Written by the start when it waits, with mail_owner's rights and in the chroot.
    const waits = join(postfix.queueDirectory, 'waits');
    writeFileSync(waits, '');
    chmodSync(waits, 0o666);
    writeFileSync(
      program,
      `import { writeFileSync } from 'node:fs';
      import net from 'node:net';
      const { setTimeout: later } = globalThis;
      globalThis.setTimeout = (task, ms, ...rest) => later(task, ms === 5000 ? 100 : ms, ...rest);
      const waits = () => writeFileSync('waits', 'yes');
      Object.assign(net.Server.prototype, { listen: waits, _listen2: waits });
      await import(${JSON.stringify(built)});\n`,
    );
    await postfix.reload();
    const asks = handshake();
    await poll('a start that waits', () => readFileSync(waits, 'utf8') === 'yes');
    const pid = postfix.tlsmgrPid();
    assert.equal(recordOf().state, 'starting');
    repair();
    await postfix.reload();
    await asks;
    assert.equal(await server(), 'node', postfix.log());
    assert.notEqual(postfix.tlsmgrPid(), pid);
    assert.equal(postfix.logLines(/not serving yet though master has let go/u).length, 1);
  });

  test('what main.cf has wrong for both is told by both', async () => {
    postfix.writeMainCf({ ...mainCf, tls_random_bytes: 'many' });
    await postfix.reload();
    // Somebody has to ask. No answer comes before main.cf is mended.
    const client = connect(postfix.port, '127.0.0.1');
    await postfix.waitForLog(/: fatal: bad numerical configuration: tls_random_bytes = many/u, 2);
    client.destroy();
  });

  test('made code may not be executed: ours serves without', async (t) => {
    const forbidden = join(scratch, 'forbidden.pl');
    writeFileSync(forbidden, 'syscall(157, 65, 1, 0, 0, 0) == 0 or exit 9; exec @ARGV;\n');
    if (spawnSync('perl', [forbidden, 'true']).status !== 0) {
      t.skip('no perl, or a Linux before 6.3: prctl(PR_SET_MDWE)');
      return;
    }
    putNode(
      `[ "$1" = --version ] && exec ${process.execPath} --version`,
      `exec /usr/bin/perl ${forbidden} ${process.execPath} "$@"`,
    );
    await expectOriginal(
      failingLimitMs,
      /Check failed.*signal 5, probably for want of memory, or as code made at run/u,
    );
    await postfix.reload();
    await handshake();
    assert.equal(await server(), 'node', postfix.log());
    const lines = postfix.logLines(/warning: node can't make code executable here/u);
    assert.equal(lines.length, 1, postfix.log());
    // From then on at once.
    await postfix.reload();
    await handshake();
    assert.equal(await server(), 'node');
    assert.equal(postfix.logLines(/warning: node can't make code/u).length, 2);
  });
});
