import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { getPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseStartRecord, startRecordPath } from '../../src/daemon/start-record.ts';
import { AttributeClient, request, valueOf } from './attribute-client.ts';
import { idOf, PostfixInstance } from './instance.ts';
import { poll } from './poll.ts';
import { closesOnExec, descriptorsOf, rootOf, threadStatuses } from './processes.ts';
import { startTls } from './tls-client.ts';
import { requireBuilt, skipWithoutPostfix, testsOurs, tlsmgrUnderTest } from './under-test.ts';

const resumption = ['-tls1_2', '-no_ticket', '-reconnect'];
const fiveReused = ['New', 'Reused', 'Reused', 'Reused', 'Reused', 'Reused'];

describe('the life of tlsmgr under a real Postfix', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance;

  before(async () => {
    requireBuilt();
    postfix = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest });
    await postfix.start();
  });

  after(() => postfix?.cleanup());

  /** Has it serve; returns the process that did. */
  async function served(): Promise<number> {
    const { kinds, output } = await startTls(postfix.port, resumption);
    assert.deepEqual(kinds, fiveReused, `${output}\n${postfix.log()}`);
    const pid = postfix.tlsmgrPid();
    assert.ok(pid !== undefined, postfix.log());
    return pid;
  }

  function exchangeFile(): Buffer {
    const { size, mode, uid } = statSync(postfix.exchangePath);
    assert.equal(size, 1024);
    assert.equal(mode & 0o7777, 0o600);
    assert.equal(uid, idOf('-u', 'postfix'));
    return readFileSync(postfix.exchangePath);
  }

  test(
    'is called tlsmgr, and its arguments begin with its instance',
    { skip: !testsOurs },
    async () => {
      const pid = await served();
      assert.equal(readFileSync(`/proc/${pid}/comm`, 'latin1'), 'tlsmgr\n');
      const [shown = ''] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      assert.ok(shown.startsWith(`tlsmgr ${postfix.configDirectory} -l -t unix `), shown);
    },
  );

  test('has given up root and all that it opened of it', async () => {
    const pid = await served();
    const uid = String(idOf('-u', 'postfix'));
    const gid = String(idOf('-g', 'postfix'));
    const threads = threadStatuses(pid);
    assert.ok(threads.length > 0);
    for (const status of threads) {
      const who = `${status.get('Name')} ${status.get('Pid')}`;
      assert.equal(status.get('Uid'), Array.from({ length: 4 }, () => uid).join('\t'), who);
      assert.equal(status.get('Gid'), Array.from({ length: 4 }, () => gid).join('\t'), who);
      assert.ok(!status.get('Groups')!.split(' ').includes('0'), `${who}: ${status.get('Groups')}`);
      for (const capabilities of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
        assert.match(status.get(capabilities)!, /^0+$/u, `${who} ${capabilities}`);
      }
    }
    assert.equal(rootOf(pid), postfix.queueDirectory);
  });

  test(
    "V8's threads have a lower priority than requests and disk, and V8 has one",
    { skip: !testsOurs },
    async () => {
      const pid = await served();
      const usual = getPriority(pid);
      const threads = readdirSync(`/proc/${pid}/task`).map(Number);
      const lowered = threads.filter((thread) => getPriority(thread) > usual);
      // Beside the one that collects garbage there are one of Node's timer and one for SIGUSR1.
      assert.ok(
        lowered.length > 0 && lowered.length <= 3,
        `${lowered.length} of ${threads.length}`,
      );
      assert.ok(!lowered.includes(pid));
      // libuv's four, which write files, and the main one.
      assert.ok(threads.length - lowered.length >= 5, `${lowered.length} of ${threads.length}`);
    },
  );

  test("has closed the record of its start, which is root's alone", async (t) => {
    if (!testsOurs) {
      t.skip('the original has none');
      return;
    }
    const pid = await served();
    const path = join(postfix.queueDirectory, startRecordPath);
    const { mode, uid } = statSync(path);
    assert.equal(mode & 0o7777, 0o600);
    assert.equal(uid, 0);
    assert.equal(statSync(dirname(path)).uid, 0);
    assert.equal(parseStartRecord(readFileSync(path, 'latin1'))!.state, 'served');
    const open = [...descriptorsOf(pid).values()].filter((what) => what.endsWith(startRecordPath));
    assert.deepEqual(open, []);
  });

  test('leaves none of its descriptors to a program that it might start', async () => {
    const pid = await served();
    const descriptors = descriptorsOf(pid);
    for (const fd of [3, 4, 5, 6]) {
      assert.ok(descriptors.has(fd), `descriptor ${fd}`);
    }
    const open = [...descriptors]
      // The original forgets its entropy source and its exchange file.
      .filter(([fd]) => fd > 2 && fd < (testsOurs ? Infinity : 7) && !closesOnExec(pid, fd))
      .map(([fd, what]) => `${fd} ${what}`);
    assert.deepEqual(open, []);
  });

  test('after postfix reload a new process serves, and the pool was saved', async () => {
    const pid = await served();
    const earlier = exchangeFile();
    await postfix.reload();
    assert.notDeepEqual(exchangeFile(), earlier);
    assert.notEqual(await served(), pid);
  });

  test('after SIGTERM a new process serves', async () => {
    const pid = await served();
    const earlier = exchangeFile();
    process.kill(pid, 'SIGTERM');
    await postfix.waitForEnd(pid);
    const atExit = exchangeFile();
    if (testsOurs) {
      assert.notDeepEqual(atExit, earlier);
    }
    const warnings = postfix.logLines(killed).length;
    assert.notEqual(await served(), pid);
    if (testsOurs) {
      assert.equal(warnings, 0, 'it exits with status 0');
    }
  });

  const killed = /master\[\d+\]: warning: process .*\/tlsmgr pid \d+ killed by signal (?:9|15)$/u;

  test('after SIGKILL a new process serves at once, without throttling', async () => {
    const pid = await served();
    process.kill(pid, 'SIGKILL');
    await postfix.waitForLog(new RegExp(`tlsmgr pid ${pid} killed by signal 9$`, 'u'));
    assert.notEqual(await served(), pid);
    assert.deepEqual(postfix.logLines(/throttling/u), [], postfix.log());
  });

  test('clients that stop in the middle of a request keep no smtpd waiting', async (t) => {
    if (!testsOurs) {
      t.skip('the original waits for them, up to an hour, and everybody with it');
      return;
    }
    await served();
    const stopped = await Promise.all(
      ['r', 'request\0', 'request\0see', 'request\0seed\0size\0'].map(async (part) => {
        const client = await AttributeClient.greeted(postfix.socketPath);
        client.send(part);
        return client;
      }),
    );
    await served();
    assert.equal(valueOf(await stopped[2]!.ask('d\0size\x0032\0\0'), 'status'), '0');
    // As if they had never begun: an end within a request would earn a warning.
    await stopped[0]!.ask('equest\0seed\0size\x0032\0\0');
    await stopped[1]!.ask('seed\0size\x0032\0\0');
    await stopped[3]!.ask('32\0\0');
    for (const client of stopped) {
      client.close();
    }
  });

  test('one process for all of many clients at once', async () => {
    const pid = await served();
    const results = await Promise.all(
      Array.from({ length: 6 }, async () => startTls(postfix.port, resumption)),
    );
    for (const { kinds, output } of results) {
      assert.deepEqual(kinds, fiveReused, output);
    }
    assert.equal(postfix.tlsmgrPid(), pid);
  });

  test('postfix stop ends it, and the pool was saved', async () => {
    const pid = await served();
    const earlier = exchangeFile();
    await postfix.stop();
    await postfix.waitForEnd(pid);
    if (testsOurs) {
      assert.notDeepEqual(exchangeFile(), earlier);
    }
  });

  test('a stop and a start with nothing between', async () => {
    await postfix.start();
    await served();
    await postfix.stop();
    await postfix.start();
    await served();
    const earlier = exchangeFile();
    await postfix.stop();
    if (testsOurs) {
      assert.notDeepEqual(exchangeFile(), earlier);
    }
  });

  test('master has complained about the deaths by force alone, and nobody about anything else', async () => {
    const complaints = postfix.complaints();
    const others = complaints.filter((line) => !killed.test(line));
    assert.deepEqual(others, [], postfix.log());
    assert.equal(complaints.length, testsOurs ? 1 : 2, complaints.join('\n'));
  });
});

describe('tlsmgr in other circumstances under a real Postfix', { skip: skipWithoutPostfix }, () => {
  let postfix: PostfixInstance | undefined;

  before(requireBuilt);
  after(() => postfix?.cleanup());

  async function withInstance(
    options: Partial<Parameters<typeof PostfixInstance.create>[0]>,
    run: (instance: PostfixInstance) => Promise<void>,
  ): Promise<void> {
    postfix = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest, ...options });
    try {
      await postfix.start();
      await run(postfix);
    } finally {
      postfix.cleanup();
    }
  }

  test('with -v it serves, and logs no session and no key', async () => {
    await withInstance({ tlsmgrWords: '-v' }, async (instance) => {
      const { kinds } = await startTls(instance.port, resumption);
      assert.deepEqual(kinds, fiveReused, instance.log());
      assert.deepEqual((await startTls(instance.port, ['-tls1_3'])).kinds, ['New']);
      const client = await AttributeClient.greeted(instance.socketPath);
      const key = valueOf(await client.ask(request('tktkey', 'keyname', '')), 'keybuf');
      const keyName = Buffer.from(key, 'base64').subarray(0, 16).toString('base64');
      await client.ask(request('tktkey', 'keyname', keyName));
      // Logged in order: when this one is there, those before it are.
      await client.ask(request('lookup', 'cache_type', 'smtpd', 'cache_id', 'the-last-of-all'));
      client.close();
      await instance.waitForLog(/tlsmgr\[\d+\]: .*the-last-of-all/u);
      assert.deepEqual(instance.complaints(), []);
      // An SSL_SESSION of TLS 1.2 in base64: SEQUENCE, length, INTEGER 1, INTEGER 0x0303.
      const secrets = instance.logLines(/tlsmgr\[\d+\]: .*MI[A-Za-z0-9+/]{80}/u);
      const names = instance.logLines(/tlsmgr\[\d+\]: /u).filter((line) => line.includes(keyName));
      assert.equal(names.length > 0, !testsOurs, names.join('\n'));
      // The original does log them: so the pattern is right.
      assert.equal(secrets.length > 0, !testsOurs, secrets.join('\n'));
    });
  });

  test('a wrong path for one cache costs that cache, one error line, and nothing else', async () => {
    const wrong = 'btree:/nonexistent/directory/smtp_scache';
    await withInstance({ mainCf: { smtp_tls_session_cache_database: wrong } }, async (instance) => {
      const { kinds } = await startTls(instance.port, resumption);
      assert.deepEqual(kinds, fiveReused, instance.log());
      const complaints = instance.complaints();
      const errors = complaints.filter((line) => /tlsmgr\[\d+\]: error: /u.test(line));
      assert.equal(errors.length, 1, instance.log());
      if (testsOurs) {
        assert.match(errors[0]!, /smtp_tls_session_cache_database/u);
        assert.ok(errors[0]!.includes(wrong), errors[0]);
        assert.deepEqual(complaints, errors);
      }
    });
  });

  test('a service that is gone from master.cf ends at the next reload, and master goes on', async () => {
    await withInstance({}, async (instance) => {
      await startTls(instance.port, resumption);
      const pid = await poll('a tlsmgr', () => instance.tlsmgrPid());
      instance.writeMasterCf({ withoutTlsmgr: true });
      await instance.reload();
      await instance.waitForEnd(pid);
      instance.writeMasterCf({});
      await instance.reload();
      const { kinds } = await startTls(instance.port, resumption);
      assert.deepEqual(kinds, fiveReused, instance.log());
    });
  });
});
