/** A cache of a program of one's own, in the daemon that master(8) starts. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { TlsmgrClient } from '../../src/client/client.ts';
import { untilAnswered } from '../patient-client.ts';
import { runCommand } from './run-command.ts';
import { idOf, PostfixInstance } from './instance.ts';
import { requireBuilt, skipWithoutPostfix, testsOurs, tlsmgrUnderTest } from './under-test.ts';

const skip = skipWithoutPostfix || (testsOurs ? false : 'a parameter of ours');

/** Of a test that fails. */
const timeout = 60_000;

describe('an added cache under a real Postfix', { skip }, () => {
  let postfix: PostfixInstance;
  let client: TlsmgrClient;
  let keyFile: string;

  const parameters = (more: Record<string, string> = {}): Record<string, string> => ({
    tlsmgr_session_caches: 'smtpd, smtp, lmtp, web',
    web_tls_session_cache_database: 'btree:$data_directory/web_scache',
    tlsmgr_session_cache_persistent: 'yes',
    tlsmgr_session_cache_key_file: keyFile,
    ...more,
  });

  before(async () => {
    requireBuilt();
    postfix = await PostfixInstance.create({ tlsmgr: tlsmgrUnderTest, name: 'added' });
    keyFile = join(postfix.directory, 'keys');
    writeFileSync(keyFile, `${'5a'.repeat(32)}\n`);
    chmodSync(keyFile, 0o600);
    chownSync(keyFile, idOf('-u', 'postfix'), idOf('-g', 'postfix'));
    postfix.writeMainCf(parameters());
    await postfix.start();
    client = new TlsmgrClient({ socketPath: postfix.socketPath, deadlineMs: 10_000 });
  });
  after(async () => {
    await client.close();
    await postfix.stop();
    postfix.cleanup();
  });

  test('keeps sessions over a reload, in a sealed file of its own', { timeout }, async () => {
    const session = 'the session of a web program';
    await client.update('web', 'page', Buffer.from(session));
    await client.update('smtpd', 'page', Buffer.from('of mail'));
    await postfix.reload();
    // The new process reads its files while it serves.
    let found = await client.lookup('web', 'page');
    for (let tries = 0; found === undefined; tries += 1) {
      assert.ok(tries < 2000, postfix.log());
      await delay(5);
      found = await client.lookup('web', 'page');
    }
    assert.equal(String(found), session);
    const file = readFileSync(join(postfix.dataDirectory, 'web_scache.tlsmgr'));
    assert.ok(file.length > 0 && !file.includes(session));
    assert.deepEqual(postfix.complaints(), []);
  });

  test('a fault in its parameters leaves mail as it is', { timeout }, async () => {
    const shared = `btree:${postfix.dataDirectory}/smtpd_scache`;
    postfix.writeMainCf(parameters({ web_tls_session_cache_database: shared }));
    await postfix.reload();
    // The process before the reload may have taken the connection, and end.
    const policyOf = (cache: string) => untilAnswered(client, () => client.policy(cache));
    assert.equal((await policyOf('smtpd')).cachable, true);
    assert.equal((await policyOf('web')).cachable, false);
    postfix.writeMainCf(parameters({ tlsmgr_session_caches: 'web, we-b' }));
    await postfix.reload();
    assert.equal((await policyOf('smtpd')).cachable, true);
    await client.update('smtpd', 'mail', Buffer.from('session'));
    assert.equal(String(await client.lookup('smtpd', 'mail')), 'session');
    assert.deepEqual(
      postfix.complaints().map((line) => line.replace(/^.*\]: /u, '')),
      [
        `error: web_tls_session_cache_database = ${shared}: the smtpd cache has this file`,
        `error: file ${postfix.configDirectory}/main.cf: parameter tlsmgr_session_caches: bad name of a cache: we-b: tlsmgr_session_caches takes names of letters, digits and _ that begin with a letter, each once; its default is used: smtpd, smtp, lmtp`,
      ],
    );
  });

  test('install keeps postconf(1) from warning of its parameters', { timeout }, async () => {
    postfix.writeMainCf(parameters());
    const { configDirectory } = postfix;
    const { output } = await runCommand(tlsmgrUnderTest, [
      'install',
      '--dry-run',
      '-c',
      configDirectory,
    ]);
    assert.match(output, /\$\{tlsmgr_session_caches\?\}\$\{web_tls_session_cache_database\?\}/u);
  });
});
